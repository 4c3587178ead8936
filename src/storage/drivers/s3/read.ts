/** Reads objects: one request for a small range, several at the same time for a large one; each is resumed where it broke off. */
import { GetObjectCommand, type GetObjectCommandOutput } from '@aws-sdk/client-s3'
import { Fault } from '../../../base/fault.ts'
import { limits } from '../../../base/limits.ts'
import type { ByteRange } from '../../storage.ts'
import { readAhead, type Fetched, type FetchRange } from '../object/read-ahead.ts'
import type { Api } from './client.ts'
import { bucketMissingFault, isCode, isStatus, objectMissingFault } from './faults.ts'
import type { Looker } from './look.ts'
import type { Parameters } from './parameters.ts'

export interface Reading {
  readonly api: Api
  readonly parameters: Parameters
  readonly looker: Looker
}

export async function* readObject(
  reading: Reading,
  key: string,
  range: ByteRange | undefined,
  signal: AbortSignal,
  versionId?: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (range && range.startBytes >= range.endBytes) {
    if (!(await reading.looker.look(key, signal))) throw objectMissingFault(reading.api.place.location, key)
    return
  }
  yield* readAhead(key, fetchRangeOf(reading, key, versionId), range, signal)
}

function fetchRangeOf({ api, parameters, looker }: Reading, key: string, versionId?: string): FetchRange {
  const { bucket, full } = api.place
  return async (range, signal) => {
    const filling = new Filling(key, range)
    const attempt = async (): Promise<Fetched> => {
      const command = new GetObjectCommand({
        Bucket: bucket,
        Key: full(key),
        Range: `bytes=${String(filling.atBytes)}-${String(range.endBytes - 1)}`,
        ...(versionId === undefined ? {} : { VersionId: versionId }),
        ...parameters.common,
        ...parameters.customerKey,
      })
      const request = { doing: `reading ${key}`, sizeBytes: range.endBytes - filling.atBytes }
      try {
        return await api.receive(request, command, answer => filling.fill(answer), signal)
      } catch (error) {
        throw meaningOfMissing(api, key, error)
      }
    }
    try {
      const fetched = await api.retry(attempt, signal)
      looker.seen()
      return fetched
    } catch (error) {
      // Nothing lies there: the object ends before.
      if (isStatus(error, 416)) return { pieces: [], objectSizeBytes: range.startBytes, version: undefined }
      throw error
    }
  }
}

/** "There is no such object" is said only when a server of this kind said it, in words. */
function meaningOfMissing({ place }: Api, key: string, error: unknown): unknown {
  if (!isStatus(error, 404)) return error
  if (isCode(error, 'NoSuchKey', 'NoSuchVersion')) return objectMissingFault(place.location, key, error)
  if (isCode(error, 'NoSuchBucket')) return bucketMissingFault(place.location, error)
  return new Fault(
    'STORAGE_UNAVAILABLE',
    `${place.location}: reading ${key}: something else than S3 answered 404`,
    {
      hint: 'Check `endpoint` of the repository, and the proxies on the way to it.',
      cause: error,
    },
  )
}

/** The bytes of one range, over as many answers as it takes. */
class Filling {
  readonly #key: string
  readonly #range: ByteRange
  readonly #pieces: Buffer[] = []
  #piece: Buffer | undefined
  #pieceBytes = 0
  #filledBytes = 0

  constructor(key: string, range: ByteRange) {
    this.#key = key
    this.#range = range
  }

  get atBytes(): number {
    return this.#range.startBytes + this.#filledBytes
  }

  async fill(answer: GetObjectCommandOutput): Promise<Fetched> {
    const { startBytes, endBytes, objectSizeBytes } = this.#extentOf(answer)
    if (startBytes !== this.atBytes) throw this.#broken(`begins at byte ${String(startBytes)}`)
    const wantedBytes = Math.min(endBytes, this.#range.endBytes) - startBytes
    const doneBytes = this.#filledBytes
    for await (const bytes of bodyOf(answer))
      this.#take(bytes, wantedBytes - (this.#filledBytes - doneBytes), objectSizeBytes)
    const gotBytes = this.#filledBytes - doneBytes
    if (gotBytes < wantedBytes)
      throw this.#broken(`ends after ${String(gotBytes)} of ${String(wantedBytes)} bytes`)
    this.#closePiece()
    return { pieces: this.#pieces, objectSizeBytes, version: answer.ETag }
  }

  #take(bytes: Uint8Array, roomBytes: number, objectSizeBytes: number): void {
    if (bytes.length > roomBytes) throw this.#broken('is longer than what was asked for')
    for (let done = 0; done < bytes.length;) {
      const piece = (this.#piece ??= this.#newPiece(objectSizeBytes))
      const count = Math.min(piece.length - this.#pieceBytes, bytes.length - done)
      piece.set(bytes.subarray(done, done + count), this.#pieceBytes)
      this.#pieceBytes += count
      this.#filledBytes += count
      done += count
      if (this.#pieceBytes === piece.length) this.#closePiece()
    }
  }

  #newPiece(objectSizeBytes: number): Buffer {
    const leftBytes = Math.min(this.#range.endBytes, objectSizeBytes) - this.atBytes
    return Buffer.allocUnsafeSlow(Math.min(leftBytes, limits.storagePieceSizeBytes))
  }

  #closePiece(): void {
    if (this.#piece && this.#pieceBytes > 0) this.#pieces.push(this.#piece.subarray(0, this.#pieceBytes))
    this.#piece = undefined
    this.#pieceBytes = 0
  }

  /** Which bytes of which whole the answer says it holds. */
  #extentOf({
    ContentRange,
    ContentLength,
  }: GetObjectCommandOutput): ByteRange & { objectSizeBytes: number } {
    const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(ContentRange ?? '')
    if (match) {
      const [startBytes, last, objectSizeBytes] = match.slice(1).map(Number) as [number, number, number]
      return { startBytes, endBytes: last + 1, objectSizeBytes }
    }
    if (ContentLength === undefined) throw this.#broken('does not say which bytes it holds')
    return { startBytes: 0, endBytes: ContentLength, objectSizeBytes: ContentLength }
  }

  #broken(how: string): Fault {
    return new Fault('STORAGE_UNAVAILABLE', `the answer to reading ${this.#key} ${how}`, {
      hint: 'Try again; if this repeats, look for what changes answers on their way from the storage (a proxy).',
    })
  }
}

function bodyOf({ Body }: GetObjectCommandOutput): AsyncIterable<Uint8Array> {
  if (!Body)
    return { [Symbol.asyncIterator]: () => [][Symbol.iterator]() as unknown as AsyncIterator<Uint8Array> }
  return Body as unknown as AsyncIterable<Uint8Array>
}
