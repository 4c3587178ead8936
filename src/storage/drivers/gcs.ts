/**
 * Google Cloud Storage: a bucket and a prefix in it.
 *
 * Written once by `ifGenerationMatch=0`, which the server answers with 412 when the name is taken. Requests are single
 * ones: retries are those of with-retry.ts, and of the writer for its own parts. See docs/object-storage.md.
 */
import { createHash } from 'node:crypto'
import { Fault } from '../../base/fault.ts'
import { inParallel } from '../../base/in-parallel.ts'
import { limits } from '../../base/limits.ts'
import { minute, second } from '../../base/units.ts'
import { retryWith, type Retry } from '../../base/retry.ts'
import type { World } from '../../base/world.ts'
import { assertKey, isKey, rangeOf } from '../key.ts'
import type { ServerSideEncryption, StorageDescription } from '../open.ts'
import type { Body, ListRange, ObjectInfo, Storage } from '../storage.ts'
import { openGcsClient } from './gcs/client.ts'
import { copyObject } from './gcs/copy.ts'
import { openGoogle } from './gcs/credentials.ts'
import { saysNoSuchBucket, missingBucket } from './gcs/faults.ts'
import { assertBucket, liveAt, lookAt, pagesOf, versionAt } from './gcs/look.ts'
import { infoOf } from './gcs/objects.ts'
import { objectPath, type GcsPlace } from './gcs/place.ts'
import { readObject } from './gcs/read.ts'
import { retainObject } from './gcs/retain.ts'
import { traitsOf } from './gcs/traits.ts'
import { sentOf, uploadWhole, type Outcome } from './gcs/upload.ts'
import { openWriter } from './gcs/writer.ts'
import { ascending } from './object/ascending.ts'
import { collectBody, writeBody } from './object/bodies.ts'
import { readOnlyAsOf } from './object/read-only.ts'
import { ruleMatcher } from '../object-rules.ts'

export async function openGcsStorage(
  url: URL,
  description: StorageDescription,
  world: World,
  retry: Retry = retryWith(world, retryRule),
): Promise<Storage> {
  const place = placeOf(url, description, world, retry)
  // A bucket has an owner, a region, a bill: `init` makes none, but says how.
  if (description.make === true) {
    const { prefix } = place
    await assertBucket(place, prefix, AbortSignal.timeout(limits.storageRequestMsMax))
  }
  const storage: Storage = {
    location: place.location,
    async put(key, body, signal) {
      assertKey(key)
      signal.throwIfAborted()
      return body.sizeBytes <= limits.objectWholeSizeBytesMax
        ? putWhole(place, key, body, signal)
        : writeBody(openWriter(place, key, signal), key, body)
    },
    async create(key, signal) {
      assertKey(key)
      signal.throwIfAborted()
      return openWriter(place, key, signal)
    },
    async *get(key, range, signal) {
      assertKey(key)
      signal.throwIfAborted()
      yield* readObject(place, key, range, signal)
    },
    async stat(key, signal) {
      assertKey(key)
      const object =
        place.asOfMs === undefined
          ? await lookAt(place, key, signal)
          : await versionAt(place, key, place.asOfMs, signal)
      return object && infoOf(key, object)
    },
    list: (what, signal) => listObjects(place, what, signal),
    async delete(keys, signal) {
      keys.forEach(assertKey)
      await inParallel(
        keys,
        limits.objectDeletesParallel,
        (key, either) => deleteObject(place, key, either),
        signal,
      )
    },
    async retain(key, until, signal) {
      assertKey(key)
      await retainObject(place, key, until, signal)
    },
    traits: signal => traitsOf(place, signal),
    copying: {
      async copy(from, to, unproven, signal) {
        assertKey(from)
        assertKey(to)
        return copyObject(place, from, to, unproven, signal)
      },
    },
    reach: {
      endpoint: () => Promise.resolve(place.endpoint),
      // Tokens are renewed by the SDK; keys do not say when they end.
      credentialsEnd: () => Promise.resolve(undefined),
      clockSkewMs: async signal => (await traitsOf(place, signal)).clockSkewMs,
    },
    close: () => Promise.resolve(),
  }
  return place.asOfMs === undefined ? storage : readOnlyAsOf(storage, place.asOfMs)
}

const retryRule = { attemptsMax: 6, pauseMsFirst: 200, pauseMsMax: 8 * second, totalMsMax: 2 * minute }

function placeOf(
  url: URL,
  { access = {}, rules, asOfMs }: StorageDescription,
  world: World,
  retry: Retry,
): GcsPlace {
  const folder = decodeURIComponent(url.pathname).replace(/^\/+|\/+$/g, '')
  if (url.host === '' || (folder !== '' && !isKey(folder))) throw badUrl(url)
  const location = `gs://${url.host}${folder && `/${folder}`}`
  const google = openGoogle(access)
  return {
    location,
    endpoint: new URL(google.endpoint),
    bucket: url.host,
    prefix: folder && `${folder}/`,
    client: openGcsClient(google, {
      location,
      world,
      requesterPays: access.requesterPays === true,
    }),
    world,
    retry,
    ruleFor: ruleMatcher(rules),
    writeOnce: access.writeOnce ?? 'conditional',
    asOfMs,
    ...encryptionOf(access.serverSideEncryption),
  }
}

/** Google encrypts everything with its own keys when nothing else is said. */
function encryptionOf(given: ServerSideEncryption | undefined): Pick<GcsPlace, 'keyHeaders' | 'kmsKeyName'> {
  if (given?.kind === 'kms') return { keyHeaders: {}, kmsKeyName: given.keyId }
  if (given?.kind !== 'customer-key') return { keyHeaders: {}, kmsKeyName: undefined }
  const key = Buffer.from(given.keyBase64, 'base64')
  return {
    keyHeaders: {
      'x-goog-encryption-algorithm': 'AES256',
      'x-goog-encryption-key': key.toString('base64'),
      'x-goog-encryption-key-sha256': createHash('sha256').update(key).digest('base64'),
    },
    kmsKeyName: undefined,
  }
}

async function putWhole(place: GcsPlace, key: string, body: Body, signal: AbortSignal): Promise<Outcome> {
  const pieces = [await collectBody(key, body, signal)]
  return uploadWhole(place, key, pieces, sentOf(pieces), signal)
}

async function* listObjects(
  place: GcsPlace,
  what: string | ListRange,
  signal: AbortSignal,
): AsyncGenerator<ObjectInfo, void, undefined> {
  const range = rangeOf(what)
  const query = {
    prefix: place.prefix + range.prefix,
    startOffset: range.after === undefined ? undefined : place.prefix + range.after,
    versions: place.asOfMs === undefined ? undefined : ('true' as const),
  }
  const pages = pagesOf(place, query, signal)
  const seen = place.asOfMs === undefined ? pages : liveAt(place.asOfMs, pages)
  yield* ascending(infosOf(place, seen), range, place.location)
}

/** What other programs put beside ours, under names that are no keys, is not seen. */
async function* infosOf(
  { prefix }: GcsPlace,
  pages: ReturnType<typeof pagesOf>,
): AsyncGenerator<ObjectInfo[], void, undefined> {
  for await (const objects of pages)
    yield objects
      .map(object => infoOf(object.name.slice(prefix.length), object))
      .filter(({ key }) => isKey(key))
}

async function deleteObject(place: GcsPlace, key: string, signal: AbortSignal): Promise<void> {
  const reply = await place.client.request(
    { what: `deleting ${key}`, method: 'DELETE', path: objectPath(place, key), expects: [404] },
    signal,
  )
  if (saysNoSuchBucket(reply)) throw missingBucket(place.location)
}

function badUrl(url: URL): Fault {
  return new Fault('CONFIG_INVALID', `${url.href} does not name a bucket and a prefix`, {
    hint: 'Write gs://bucket/prefix; parts of the prefix do not begin with a dot.',
  })
}
