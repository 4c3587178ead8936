/** Writing blobs: in one request, or in blocks that are put together at the end. */
import { createHash } from 'node:crypto'
import type { BlockBlobUploadOptions } from '@azure/storage-blob'
import type { PartSink } from '../object/part-writer.ts'
import { untilWritten, writeOnce, type Outcome, type Sent } from './once.ts'
import { blobAt, keyOf, onlyIfFree, type AzurePlace } from './place.ts'

export async function putWhole(
  place: AzurePlace,
  key: string,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<Outcome> {
  const md5 = createHash('md5').update(bytes).digest()
  return writeOnce(place, key, { sizeBytes: bytes.length, md5 }, signal, () =>
    upload(place, key, bytes, md5, signal),
  )
}

function upload(
  place: AzurePlace,
  key: string,
  bytes: Uint8Array,
  md5: Uint8Array,
  signal: AbortSignal,
): Promise<unknown> {
  return place.send(
    { what: `writing ${key}`, sizeBytes: bytes.length },
    options =>
      blobAt(place, key).upload(bytes, bytes.length, {
        ...options,
        transactionalContentMD5: md5,
        ...givenTo(place, key, md5),
      }),
    signal,
  )
}

/**
 * Blocks that are not put together yet belong to the name, not to the writer, so each writer has names of its own for
 * them. What is never put together is thrown away by the storage after a week.
 */
export function openBlocks(place: AzurePlace, key: string): PartSink {
  const writer = Buffer.from(place.world.randomBytes(8)).toString('hex')
  const idOf = (index: number): string =>
    Buffer.from(`${writer}-${String(index).padStart(6, '0')}`).toString('base64')
  const hash = createHash('md5')
  const ids: string[] = []
  return {
    putWhole: (bytes, signal) => {
      const md5 = createHash('md5').update(bytes).digest()
      return untilWritten(place, key, { sizeBytes: bytes.length, md5 }, signal, () =>
        upload(place, key, bytes, md5, signal),
      )
    },
    begin: () => Promise.resolve(),
    putPart: async (index, bytes, signal) => {
      // Parts begin in their order, so this hashes the whole.
      hash.update(bytes)
      ids.push(idOf(index))
      const md5 = createHash('md5').update(bytes).digest()
      await place.retry(
        () =>
          place.send(
            { what: `writing ${key}`, sizeBytes: bytes.length },
            options =>
              blobAt(place, key).stageBlock(idOf(index), bytes, bytes.length, {
                ...options,
                transactionalContentMD5: md5,
                ...keyOf(place),
                ...scopeOf(place),
              }),
            signal,
          ),
        signal,
      )
    },
    finish: (sizeBytes, signal) => finish(place, key, ids, { sizeBytes, md5: hash.digest() }, signal),
    discard: () => Promise.resolve(),
  }
}

async function finish(
  place: AzurePlace,
  key: string,
  ids: readonly string[],
  sent: Sent,
  signal: AbortSignal,
): Promise<Outcome> {
  return untilWritten(place, key, sent, signal, () =>
    place.send(
      { what: `putting ${key} together` },
      ({ abortSignal }) =>
        blobAt(place, key).commitBlockList([...ids], { abortSignal, ...givenTo(place, key, sent.md5) }),
      signal,
    ),
  )
}

/** What the blob is given besides its bytes. The MD5 is kept beside it, for whoever looks. */
export function givenTo(place: AzurePlace, key: string, md5: Uint8Array | undefined): BlockBlobUploadOptions {
  const { storageClass, tags, lock } = place.ruleFor(key) ?? {}
  return {
    ...onlyIfFree(place),
    ...keyOf(place),
    ...scopeOf(place),
    blobHTTPHeaders: {
      blobContentType: 'application/octet-stream',
      ...(md5 && { blobContentMD5: md5 }),
    },
    ...(storageClass !== undefined && { tier: storageClass }),
    ...(tags && { tags: { ...tags } }),
    ...(lock && {
      immutabilityPolicy: {
        policyMode: policyModes[lock.mode],
        expiriesOn: new Date(place.world.clock.now() + lock.forMs),
      },
    }),
  }
}

export const policyModes = { governance: 'Unlocked', compliance: 'Locked' } as const

export function scopeOf({ encryptionScope }: AzurePlace): { encryptionScope?: string } {
  return encryptionScope === undefined ? {} : { encryptionScope }
}
