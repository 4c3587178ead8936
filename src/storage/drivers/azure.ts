/**
 * Azure Blob Storage: a container and a prefix in it.
 *
 * Written once by `If-None-Match: *`, which the server answers with 409 when the name is taken. Requests are single
 * ones: retries are those of with-retry.ts, and of the writer for its own blocks. See docs/object-storage.md.
 */
import { createHash } from 'node:crypto'
import { Fault, isFault } from '../../base/fault.ts'
import { inParallel } from '../../base/in-parallel.ts'
import { limits } from '../../base/limits.ts'
import { retryWith, type Retry } from '../../base/retry.ts'
import { minute, second } from '../../base/units.ts'
import type { World } from '../../base/world.ts'
import { assertKey, isKey } from '../key.ts'
import type { ServerSideEncryption, StorageDescription } from '../open.ts'
import type { Storage } from '../storage.ts'
import { openContainer } from './azure/credentials.ts'
import { copyBlob } from './azure/copy.ts'
import { listBlobs, versionAt } from './azure/list.ts'
import { assertContainer, infoOf, isMissing, lookAt } from './azure/look.ts'
import { blobAt, type AzurePlace } from './azure/place.ts'
import { sasEnd } from './azure/sas-end.ts'
import { readBlob } from './azure/read.ts'
import { retainBlob, traitsOf } from './azure/retain.ts'
import { openSend } from './azure/send.ts'
import { thawingOf } from './azure/thaw.ts'
import { openBlocks, putWhole } from './azure/write.ts'
import { collectBody, writeBody } from './object/bodies.ts'
import { openPartWriter } from './object/part-writer.ts'
import { readOnlyAsOf } from './object/read-only.ts'
import { ruleMatcher } from '../object-rules.ts'

export async function openAzureStorage(
  url: URL,
  description: StorageDescription,
  world: World,
  retry: Retry = retryWith(world, retryRule),
): Promise<Storage> {
  const place = await placeOf(url, description, world, retry)
  // A container has an owner, a region, a bill: `init` makes none, but says how.
  if (description.make === true) await assertContainer(place, AbortSignal.timeout(limits.storageRequestMsMax))
  const writerOf = (key: string, signal: AbortSignal) => openPartWriter(key, openBlocks(place, key), signal)
  const storage: Storage = {
    location: place.location,
    async put(key, body, signal) {
      assertKey(key)
      signal.throwIfAborted()
      return body.sizeBytes <= limits.objectWholeSizeBytesMax
        ? putWhole(place, key, await collectBody(key, body, signal), signal)
        : writeBody(writerOf(key, signal), key, body)
    },
    async create(key, signal) {
      assertKey(key)
      signal.throwIfAborted()
      return writerOf(key, signal)
    },
    async *get(key, range, signal) {
      assertKey(key)
      signal.throwIfAborted()
      yield* readBlob(place, key, range, signal)
    },
    async stat(key, signal) {
      assertKey(key)
      if (place.asOfMs === undefined) {
        const found = await lookAt(place, key, signal)
        return found && infoOf(key, found)
      }
      const version = await versionAt(place, key, place.asOfMs, signal)
      return version && infoOf(key, version.properties)
    },
    list: (what, signal) => listBlobs(place, what, signal),
    async delete(keys, signal) {
      keys.forEach(assertKey)
      await inParallel(
        keys,
        limits.objectDeletesParallel,
        (key, either) => deleteBlob(place, key, either),
        signal,
      )
    },
    async retain(key, until, signal) {
      assertKey(key)
      await retainBlob(place, key, until, signal)
    },
    traits: signal => traitsOf(place, signal),
    reach: {
      // The URL may hold a SAS.
      endpoint: () => Promise.resolve(new URL(new URL(place.container.url).origin)),
      credentialsEnd: () => Promise.resolve(sasEnd(new URL(place.container.url))),
      clockSkewMs: async signal => (await traitsOf(place, signal)).clockSkewMs,
    },
    copying: {
      async copy(from, to, unproven, signal) {
        assertKey(from)
        assertKey(to)
        return copyBlob(place, from, to, unproven, signal)
      },
    },
    thawing: thawingOf(place),
    close: () => Promise.resolve(),
  }
  return place.asOfMs === undefined ? storage : readOnlyAsOf(storage, place.asOfMs)
}

const retryRule = { attemptsMax: 6, pauseMsFirst: 200, pauseMsMax: 8 * second, totalMsMax: 2 * minute }

async function placeOf(
  url: URL,
  { access = {}, rules, asOfMs }: StorageDescription,
  world: World,
  retry: Retry,
): Promise<AzurePlace> {
  const folder = decodeURIComponent(url.pathname).replace(/^\/+|\/+$/g, '')
  if (url.host === '' || (folder !== '' && !isKey(folder))) throw badUrl(url)
  const location = `az://${url.host}${folder && `/${folder}`}`
  const container = await openContainer(url.host, access, world.clock)
  if (access.serverSideEncryption?.kind === 'customer-key' && !container.url.startsWith('https:'))
    throw keyInTheOpen(location)
  return {
    location,
    prefix: folder && `${folder}/`,
    container,
    send: openSend(location, world),
    retry,
    world,
    ruleFor: ruleMatcher(rules),
    writeOnce: access.writeOnce ?? 'conditional',
    asOfMs,
    ...encryptionOf(access.serverSideEncryption),
  }
}

/** Microsoft encrypts everything with its own keys when nothing else is said; a key of the vault is an encryption scope here. */
function encryptionOf(
  given: ServerSideEncryption | undefined,
): Pick<AzurePlace, 'customerProvidedKey' | 'encryptionScope'> {
  if (given?.kind === 'kms') return { customerProvidedKey: undefined, encryptionScope: given.keyId }
  if (given?.kind !== 'customer-key') return { customerProvidedKey: undefined, encryptionScope: undefined }
  const key = Buffer.from(given.keyBase64, 'base64')
  return {
    customerProvidedKey: {
      encryptionAlgorithm: 'AES256',
      encryptionKey: key.toString('base64'),
      encryptionKeySha256: createHash('sha256').update(key).digest('base64'),
    },
    encryptionScope: undefined,
  }
}

async function deleteBlob(place: AzurePlace, key: string, signal: AbortSignal): Promise<void> {
  try {
    await place.send(
      { what: `deleting ${key}` },
      ({ abortSignal }) => blobAt(place, key).delete({ abortSignal, deleteSnapshots: 'include' }),
      signal,
    )
  } catch (error) {
    if (isFault(error, 'OBJECT_MISSING') || (await isMissing(place, error, signal))) return
    throw error
  }
}

function keyInTheOpen(location: string): Fault {
  return new Fault('CONFIG_INVALID', `the customer_key of ${location} would be sent without encryption`, {
    hint: 'Use an endpoint with https://.',
  })
}

function badUrl(url: URL): Fault {
  return new Fault('CONFIG_INVALID', `${url.href} does not name a container and a prefix`, {
    hint: 'Write az://container/prefix; parts of the prefix do not begin with a dot. The account goes into endpoint.',
  })
}
