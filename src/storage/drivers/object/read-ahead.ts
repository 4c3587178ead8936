/**
 * Reads a large range by several requests at the same time, so that one reader gets the throughput of several
 * connections, however long the way is. A small range is one request. What is asked for before it is wanted is bounded,
 * and grows only while the reader goes on.
 */
import { Fault } from '../../../base/fault.ts'
import { limits } from '../../../base/limits.ts'
import type { ByteRange } from '../../storage.ts'

/** The answer to one request. No pieces: the range lies past the end of the object. */
export interface Fetched {
  readonly pieces: readonly Uint8Array[]
  /** Of the whole object. */
  readonly objectSizeBytes: number
  /** Changes when the object does; undefined where it is not told. */
  readonly version: string | undefined
}

/** Fetches exactly this range, cut at the end of the object; never less. Tries again by itself. */
export type FetchRange = (range: ByteRange, signal: AbortSignal) => Promise<Fetched>

export async function* readAhead(
  key: string,
  fetchRange: FetchRange,
  range: ByteRange | undefined,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  signal.throwIfAborted()
  const stop = new AbortController()
  const requests = new Requests(fetchRange, range, AbortSignal.any([signal, stop.signal]))
  try {
    let version: string | undefined
    for (let next = requests.take(); next; next = requests.take()) {
      const fetched = await next
      version ??= fetched.version
      if (fetched.version !== undefined && fetched.version !== version) throw changed(key)
      requests.sizeIs(fetched.objectSizeBytes)
      yield* fetched.pieces
    }
  } finally {
    stop.abort(new Error(`nobody reads ${key} any more`))
    await requests.settle()
  }
}

/** The requests of one reader, in order: those that are on their way, and where the next one begins. */
class Requests {
  readonly #fetchRange: FetchRange
  readonly #signal: AbortSignal
  readonly #ahead: Promise<Fetched>[] = []
  readonly #sizeBytes: number
  #atBytes: number
  #endBytes: number
  /** How many may be on their way; with an unknown end one, until the first answer tells how large the object is. */
  #width: number

  constructor(fetchRange: FetchRange, range: ByteRange | undefined, signal: AbortSignal) {
    this.#fetchRange = fetchRange
    this.#signal = signal
    this.#atBytes = range?.startBytes ?? 0
    this.#endBytes = Math.max(this.#atBytes, range?.endBytes ?? Number.MAX_SAFE_INTEGER)
    const isSmall = this.#endBytes - this.#atBytes <= limits.objectReadWholeSizeBytesMax
    this.#sizeBytes = isSmall ? limits.objectReadWholeSizeBytesMax : limits.objectReadSizeBytes
    this.#width = this.#endBytes < Number.MAX_SAFE_INTEGER ? 2 : 1
  }

  /** The next answer, if there is one more to come. */
  take(): Promise<Fetched> | undefined {
    while (this.#ahead.length < this.#width && this.#atBytes < this.#endBytes) this.#launch()
    this.#width = Math.min(widthMax, this.#width + 1)
    return this.#ahead.shift()
  }

  sizeIs(objectSizeBytes: number): void {
    this.#endBytes = Math.min(this.#endBytes, objectSizeBytes)
    while (this.#ahead.length < this.#width - 1 && this.#atBytes < this.#endBytes) this.#launch()
  }

  async settle(): Promise<void> {
    await Promise.allSettled(this.#ahead)
  }

  #launch(): void {
    const startBytes = this.#atBytes
    const endBytes = Math.min(startBytes + this.#sizeBytes, this.#endBytes)
    this.#atBytes = endBytes
    const fetched = this.#fetchRange({ startBytes, endBytes }, this.#signal)
    // Its error is told when its turn comes.
    fetched.catch(() => undefined)
    this.#ahead.push(fetched)
  }
}

const widthMax = Math.floor(limits.objectReadAheadBytesMax / limits.objectReadSizeBytes)

function changed(key: string): Fault {
  return new Fault('STORAGE_UNAVAILABLE', `answers to reading ${key} are of different versions of it`, {
    hint: 'Try again; if this repeats, find out what changes objects of the repository, or answers on their way.',
  })
}
