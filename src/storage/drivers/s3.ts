/**
 * A repository in a bucket of Amazon's S3, or of a server that speaks as it does.
 *
 * - s3/client.ts makes requests: limits of time, pace, credentials; s3/faults.ts says what failures mean.
 * - s3/put.ts and s3/multipart.ts write, s3/writing.ts and s3/proof.ts prove that it is there; s3/claim.ts keeps "written once" where
 *   the server does not.
 * - s3/read.ts, s3/list.ts, s3/look.ts read; s3/remove.ts deletes; s3/lock.ts locks; s3/versions.ts reads the past.
 * - s3/copy.ts copies inside the server; s3/thaw.ts brings back what is cold.
 *
 * What "written once" rests on:
 * - An object of one request (up to 32 MiB of known size, or one part of unknown size: WAL, records, leases) is put
 *   with `If-None-Match: *`. The server refuses the second one by itself, however many come at once.
 * - An upload in parts is completed with the same condition, which Amazon heeds. Other servers are known to ignore it
 *   there, so with them its key is claimed first (s3/claim.ts): of many uploads in parts one wins. An upload in parts and
 *   a single request for the same key at the same moment are kept apart by nothing but the look before completing.
 * - `writeOnce: 'check'` sends no condition at all: each write looks first, and a race has no single winner.
 * - After each write the object is looked at once more, and known by the token that its writer wrote beside it; or, when
 *   several small ones are written at the same time, by the tag that the server gave it.
 */
import { limits } from '../../base/limits.ts'
import type { Retry } from '../../base/retry.ts'
import type { World } from '../../base/world.ts'
import { assertKey } from '../key.ts'
import type { StorageDescription } from '../open.ts'
import type { Body, Storage } from '../storage.ts'
import { collectBody, writeBody } from './object/bodies.ts'
import { openPartWriter } from './object/part-writer.ts'
import { readOnlyAsOf } from './object/read-only.ts'
import { openApi, type Surroundings } from './s3/client.ts'
import { listObjects } from './s3/list.ts'
import { retainObject } from './s3/lock.ts'
import { copyObject } from './s3/copy.ts'
import { openLooker } from './s3/look.ts'
import { partSinkOf } from './s3/multipart.ts'
import { parametersOf } from './s3/parameters.ts'
import { placeOf } from './s3/place.ts'
import { openProver } from './s3/proof.ts'
import { putWhole } from './s3/put.ts'
import { readObject } from './s3/read.ts'
import { removeObjects } from './s3/remove.ts'
import { thawingOf } from './s3/thaw.ts'
import { traitsOf } from './s3/traits.ts'
import { openPast, type Past } from './s3/versions.ts'
import type { Writing } from './s3/writing.ts'

export function openS3Storage(
  url: URL,
  description: StorageDescription,
  world: World,
  retry: Retry,
): Promise<Storage> {
  return openS3(url, description, { world, retry })
}

export async function openS3(
  url: URL,
  description: StorageDescription,
  surroundings: Surroundings,
): Promise<Storage> {
  const parameters = parametersOf(description)
  const api = await openApi(placeOf(url), description.access ?? {}, surroundings)
  const looker = openLooker(api, parameters)
  // Buckets have an owner, a region and a bill: none is made here, but a missing one is told at once.
  if (description.make === true) await surroundings.retry(() => looker.assertBucket(never), never)
  const deps = { api, parameters, looker, prover: openProver(api, parameters) }
  const present = presentOf(deps)
  return description.asOfMs === undefined
    ? present
    : pastOf(present, openPast(deps, description.asOfMs), description.asOfMs)
}

/** Each request has its own limit of time. */
const never = new AbortController().signal

function presentOf(deps: Writing): Storage {
  const { api, parameters, looker } = deps
  return {
    location: api.place.location,
    put: (key, body, signal) => putBody(deps, key, body, signal),
    async create(key, signal) {
      assertKey(key)
      signal.throwIfAborted()
      return openPartWriter(key, partSinkOf(deps, key), signal)
    },
    async *get(key, range, signal) {
      assertKey(key)
      yield* readObject(deps, key, range, signal)
    },
    async stat(key, signal) {
      assertKey(key)
      return (await looker.look(key, signal))?.info
    },
    list: (what, signal) => listObjects(api, parameters, what, signal),
    async delete(keys, signal) {
      keys.forEach(assertKey)
      await removeObjects(deps, keys, signal)
    },
    async retain(key, until, signal) {
      assertKey(key)
      await retainObject(deps, key, until, signal)
    },
    traits: signal => traitsOf(api, signal),
    copying: {
      async copy(from, to, unproven, signal) {
        assertKey(from)
        assertKey(to)
        return copyObject(deps, from, to, unproven, signal)
      },
    },
    thawing: thawingOf(deps),
    reach: {
      // Where a proxy carries requests there may be no other way.
      endpoint: () => Promise.resolve(api.access.proxies === undefined ? api.endpoint() : undefined),
      credentialsEnd: () => api.credentialsEnd(),
      clockSkewMs: () => Promise.resolve(api.skewMs()),
    },
    close: () => {
      api.close()
      return Promise.resolve()
    },
  }
}

/** What is read is the past; nothing can be written. */
function pastOf(present: Storage, past: Past, asOfMs: number): Storage {
  return {
    ...readOnlyAsOf(present, asOfMs),
    list: (what, signal) => past.list(what, signal),
    async *get(key, range, signal) {
      assertKey(key)
      yield* past.get(key, range, signal)
    },
    async stat(key, signal) {
      assertKey(key)
      return past.stat(key, signal)
    },
  }
}

async function putBody(
  writing: Writing,
  key: string,
  body: Body,
  signal: AbortSignal,
): Promise<'written' | 'taken'> {
  assertKey(key)
  signal.throwIfAborted()
  if (body.sizeBytes <= limits.objectWholeSizeBytesMax)
    return putWhole(writing, key, await collectBody(key, body, signal), signal)
  const writer = openPartWriter(key, partSinkOf(writing, key), signal)
  return writeBody(writer, key, body)
}
