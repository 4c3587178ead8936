/** Reads objects: one request for a small range, several at the same time for a large one; each is resumed where it broke off. */
import { GetObjectCommand, type GetObjectCommandOutput } from '@aws-sdk/client-s3'
import { Readable } from 'node:stream'
import { assert } from '../../../base/assert.ts'
import { Fault } from '../../../base/fault.ts'
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
  #filledBytes = 0
  /** Made when it is known how much there is; what comes from the connection in crumbs is copied there, and is soon gone. */
  #bytes = Buffer.alloc(0)

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
    const wantedBytes = Math.min(this.#range.endBytes, objectSizeBytes) - startBytes
    this.#makeRoom(wantedBytes)
    let gotBytes = 0
    await flow(answer, bytes => {
      gotBytes += bytes.length
      if (gotBytes > wantedBytes) return
      this.#bytes.set(bytes, this.#filledBytes)
      this.#filledBytes += bytes.length
    })
    // What came can not be told apart from what is wrong about it.
    if (gotBytes > wantedBytes) this.#filledBytes = 0
    if (gotBytes !== wantedBytes || endBytes - startBytes !== wantedBytes)
      throw this.#broken(`has ${String(gotBytes)} of ${String(wantedBytes)} bytes`)
    return { pieces: [this.#bytes], objectSizeBytes, version: answer.ETag }
  }

  /** The object does not change, so that it is the same for each answer. */
  #makeRoom(wantedBytes: number): void {
    const sizeBytes = this.#filledBytes + Math.max(0, wantedBytes)
    if (this.#bytes.length === sizeBytes) return
    const before = this.#bytes
    this.#bytes = Buffer.allocUnsafeSlow(sizeBytes)
    this.#bytes.set(before.subarray(0, this.#filledBytes))
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

/** By events: to iterate over the stream costs as much again as to receive it. */
function flow({ Body }: GetObjectCommandOutput, take: (bytes: Uint8Array) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    assert(Body instanceof Readable, 'the body of an answer is a stream')
    Body.on('data', take)
    Body.once('end', resolve)
    Body.once('error', reject)
    Body.once('close', () => {
      reject(Object.assign(new Error('the connection was closed'), { code: 'ECONNRESET' }))
    })
  })
}
