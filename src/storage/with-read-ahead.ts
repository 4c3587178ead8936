/**
 * Keeps several requests on their way, so that a storage far off is as fast as its line: a long range is read as
 * parts, some of them ahead of the consumer, and reading begins when `get` is called, not when the first piece is
 * asked for.
 *
 * All reads of one such storage share the requests: parts begin in the order in which they were asked for, and as
 * many are under way at a time as their number and their size allow. So whoever calls `get` for what comes next has it
 * on its way while it still works on what came before, in bounded memory.
 */
import type { ByteRange, Storage } from './storage.ts'

export interface ReadAhead {
  /** One request reads so much at most. */
  readonly partSizeBytesMax: number
  /** So many parts at most are being read, or wait in memory to be consumed… */
  readonly partsMax: number
  /** …and so many bytes; one part always is. */
  readonly sizeBytesMax: number
  /** Each piece is valid until the next is asked for: then its memory is given back, and not when the collector comes to it. */
  readonly lends?: boolean
}

/** `get` with a range must be consumed to its end, or its signal aborted: what is not, keeps its share of the requests. */
export function withReadAhead(inner: Storage, ahead: ReadAhead): Storage {
  const queue = new PartQueue(ahead)
  return {
    ...inner,
    get(key, range, signal) {
      if (!range) return inner.get(key, range, signal)
      const parts = cut(range, ahead.partSizeBytesMax).map(
        part => new Part(part.endBytes - part.startBytes, () => inner.get(key, part, signal)),
      )
      const onAbort = (): void => {
        queue.remove(parts, signal.reason)
      }
      if (signal.aborted) onAbort()
      else queue.add(parts)
      signal.addEventListener('abort', onAbort, { once: true })
      return consumed(parts, ahead.lends ?? false, part => {
        queue.remove(part ? [part] : parts)
        if (!part) signal.removeEventListener('abort', onAbort)
      })
    },
  }
}

/** Into as few parts as may be, all of one size: a small rest would be a request, too. */
function cut({ startBytes, endBytes }: ByteRange, sizeBytesMax: number): readonly ByteRange[] {
  const count = Math.max(1, Math.ceil((endBytes - startBytes) / sizeBytesMax))
  const sizeBytes = Math.ceil((endBytes - startBytes) / count)
  return Array.from({ length: count }, (_, i) => ({
    startBytes: startBytes + i * sizeBytes,
    endBytes: Math.min(endBytes, startBytes + (i + 1) * sizeBytes),
  }))
}

async function* consumed(
  parts: readonly Part[],
  lends: boolean,
  free: (part?: Part) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for (const part of parts) {
      for (let piece = await part.next(); piece; piece = await part.next()) {
        yield piece
        if (lends) giveBack(piece)
      }
      free(part)
      // The object ends here, whatever was asked for.
      if (part.isShort) return
    }
  } finally {
    free()
  }
}

/** Large pieces live long enough to wait for the collection of everything. One that shares its memory with others is left alone. */
function giveBack({ buffer, length }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === length && length > 0) buffer.transfer(0)
}

/** Who may read next: first come, first served. */
class PartQueue {
  readonly #ahead: Pick<ReadAhead, 'partsMax' | 'sizeBytesMax'>
  readonly #waiting = new Set<Part>()
  readonly #underWay = new Set<Part>()
  #underWayBytes = 0

  constructor(ahead: Pick<ReadAhead, 'partsMax' | 'sizeBytesMax'>) {
    this.#ahead = ahead
  }

  add(parts: readonly Part[]): void {
    for (const part of parts) this.#waiting.add(part)
    this.#startMore()
  }

  /** They are consumed, or no longer wanted; `reason` is thrown to who still waits for them. */
  remove(parts: readonly Part[], reason?: unknown): void {
    for (const part of parts) {
      this.#waiting.delete(part)
      if (this.#underWay.delete(part)) this.#underWayBytes -= part.sizeBytes
      part.stop(reason)
    }
    this.#startMore()
  }

  #startMore(): void {
    for (const part of this.#waiting) {
      if (!this.#hasRoomFor(part)) return
      this.#waiting.delete(part)
      this.#underWay.add(part)
      this.#underWayBytes += part.sizeBytes
      part.start()
    }
  }

  #hasRoomFor({ sizeBytes }: Part): boolean {
    const { partsMax, sizeBytesMax } = this.#ahead
    if (this.#underWay.size === 0) return true
    return this.#underWay.size < partsMax && this.#underWayBytes + sizeBytes <= sizeBytesMax
  }
}

/** One request: its pieces arrive whether or not somebody waits for them. */
class Part {
  readonly sizeBytes: number
  readonly #open: () => AsyncIterable<Uint8Array>
  readonly #pieces: Uint8Array[] = []
  #arrival = Promise.withResolvers<undefined>()
  #end: { readonly error?: unknown } | undefined
  #arrivedBytes = 0

  constructor(sizeBytes: number, open: () => AsyncIterable<Uint8Array>) {
    this.sizeBytes = sizeBytes
    this.#open = open
  }

  /** Known once `next` has given undefined. */
  get isShort(): boolean {
    return this.#arrivedBytes < this.sizeBytes
  }

  start(): void {
    this.#read().then(
      () => {
        this.#finish({})
      },
      (error: unknown) => {
        this.#finish({ error })
      },
    )
  }

  stop(error: unknown): void {
    this.#pieces.length = 0
    this.#finish(error === undefined ? {} : { error })
  }

  /** Undefined at the end. Throws what the storage threw, after the pieces that came before it. */
  async next(): Promise<Uint8Array | undefined> {
    while (this.#pieces.length === 0 && !this.#end) await this.#arrival.promise
    const piece = this.#pieces.shift()
    if (!piece && this.#end && 'error' in this.#end) throw this.#end.error
    return piece
  }

  async #read(): Promise<void> {
    for await (const piece of this.#open()) {
      if (this.#end) return
      this.#arrivedBytes += piece.length
      this.#pieces.push(piece)
      this.#wake()
    }
  }

  #finish(end: { readonly error?: unknown }): void {
    this.#end ??= end
    this.#wake()
  }

  #wake(): void {
    this.#arrival.resolve(undefined)
    this.#arrival = Promise.withResolvers()
  }
}
