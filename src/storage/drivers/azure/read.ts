/** Reading blobs, by several ranges at a time when they are large. The server sends an MD5 of each range along. */
import { createHash } from 'node:crypto'
import type { BlobClient, BlobDownloadResponseParsed } from '@azure/storage-blob'
import { Fault, isFault } from '../../../base/fault.ts'
import { MiB, formatTime } from '../../../base/units.ts'
import type { ByteRange } from '../../storage.ts'
import { readAhead, type Fetched } from '../object/read-ahead.ts'
import { missingObject, statusOf } from './faults.ts'
import { isMissing } from './look.ts'
import { versionAt } from './list.ts'
import { blobAt, keyOf, type AzurePlace } from './place.ts'

export async function* readBlob(
  place: AzurePlace,
  key: string,
  range: ByteRange | undefined,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const blob = await place.retry(() => versionOf(place, key, signal), signal)
  // Who asks for no bytes still wants to know whether the object is there.
  if (range && range.endBytes <= range.startBytes) {
    await fetchRange(place, key, blob, { startBytes: 0, endBytes: 1 }, signal)
    return
  }
  yield* readAhead(
    key,
    (part, either) => place.retry(() => fetchRange(place, key, blob, part, either), either),
    range,
    signal,
  )
}

async function versionOf(place: AzurePlace, key: string, signal: AbortSignal): Promise<BlobClient> {
  const blob = blobAt(place, key)
  if (place.asOfMs === undefined) return blob
  const version = await versionAt(place, key, place.asOfMs, signal)
  if (!version) throw missingObject(`${place.location} as of ${formatTime(place.asOfMs)}`, key)
  return version.versionId === undefined ? blob : blob.withVersion(version.versionId)
}

/** The server computes an MD5 of ranges up to this size. */
const checkedSizeBytesMax = 4 * MiB

async function fetchRange(
  place: AzurePlace,
  key: string,
  blob: BlobClient,
  { startBytes, endBytes }: ByteRange,
  signal: AbortSignal,
): Promise<Fetched> {
  const sizeBytes = endBytes - startBytes
  try {
    return await place.send(
      { what: `reading ${key}`, sizeBytes },
      async ({ abortSignal, onProgress }) => {
        const response = await blob.download(startBytes, sizeBytes, {
          abortSignal,
          maxRetryRequests: 0,
          rangeGetContentMD5: sizeBytes <= checkedSizeBytesMax,
          ...keyOf(place),
        })
        const pieces = await collected(response, sizeBytes, onProgress)
        return fetchedOf(place, key, startBytes, response, pieces)
      },
      signal,
    )
  } catch (error) {
    if (statusOf(error) === 416) return { pieces: [], objectSizeBytes: startBytes, version: undefined }
    if (isFault(error, 'OBJECT_MISSING') || (await isMissing(place, error, signal)))
      throw missingObject(place.location, key)
    throw error
  }
}

async function collected(
  { readableStreamBody }: BlobDownloadResponseParsed,
  sizeBytesMax: number,
  alive: () => void,
): Promise<readonly Uint8Array[]> {
  const pieces: Uint8Array[] = []
  let sizeBytes = 0
  for await (const piece of (readableStreamBody ?? []) as AsyncIterable<Uint8Array>) {
    alive()
    pieces.push(piece)
    sizeBytes += piece.length
    if (sizeBytes > sizeBytesMax) throw new Error('the answer is larger than what was asked for')
  }
  return pieces
}

/** The part that came has to be the one that was asked for, whole, and with the server's checksum. */
function fetchedOf(
  place: AzurePlace,
  key: string,
  startBytes: number,
  { contentRange, contentMD5, etag, contentLength }: BlobDownloadResponseParsed,
  pieces: readonly Uint8Array[],
): Fetched {
  const sizeBytes = pieces.reduce((sum, { length }) => sum + length, 0)
  const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(contentRange ?? '') ?? []
  const isIt =
    first === undefined
      ? startBytes === 0 && sizeBytes === contentLength
      : Number(first) === startBytes && Number(last) + 1 - startBytes === sizeBytes
  if (!isIt) throw broken(place, key, 'gives another part than was asked for')
  const hash = createHash('md5')
  for (const piece of pieces) hash.update(piece)
  // Where the answer is not a range, this is of the whole blob, which is the same then.
  if (contentMD5 && contentMD5.length > 0 && !hash.digest().equals(contentMD5))
    throw broken(place, key, 'sent bytes that do not have the checksum that it sent along')
  return { pieces, objectSizeBytes: total === undefined ? sizeBytes : Number(total), version: etag }
}

function broken({ location }: AzurePlace, key: string, how: string): Fault {
  return new Fault('STORAGE_UNAVAILABLE', `${location}: reading ${key} failed: the storage ${how}`, {
    hint: 'Try again; if it stays so, look at what lies between this host and the storage.',
  })
}
