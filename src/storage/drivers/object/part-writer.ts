/**
 * Writes an object of unknown length to a storage that takes it in parts: several parts at the same time, a bounded
 * number of bytes in memory. A small object is one request, not parts.
 *
 * What a kind of storage does with parts is in its `PartSink`; sinks retry by themselves.
 */
import { assert } from '../../../base/assert.ts'
import { limits } from '../../../base/limits.ts'
import type { ObjectWriter } from '../../storage.ts'
import { partSizeBytes } from './part-sizes.ts'

export interface PartSink {
  /** Writes the whole object: it was no larger than one part. */
  putWhole(bytes: Uint8Array, signal: AbortSignal): Promise<'written' | 'taken'>
  /** Called once, before the first part. */
  begin(signal: AbortSignal): Promise<void>
  /** `index` counts from 0. The bytes are the sink's until the promise resolves. */
  putPart(index: number, bytes: Uint8Array, signal: AbortSignal): Promise<void>
  /** All parts are there. */
  finish(sizeBytes: number, signal: AbortSignal): Promise<'written' | 'taken'>
  /** Throws away what was begun, also when the writer's own signal is aborted; after `finish` only when that failed. */
  discard(): Promise<void>
}

export function openPartWriter(key: string, sink: PartSink, signal: AbortSignal): ObjectWriter {
  return new PartWriter(key, sink, signal)
}

class PartWriter implements ObjectWriter {
  readonly #key: string
  readonly #sink: PartSink
  readonly #signal: AbortSignal
  readonly #stop = new AbortController()
  #state: 'open' | 'committing' | 'closed' = 'open'
  #begun: Promise<void> | undefined
  #part: Buffer | undefined
  #filledBytes = 0
  #parts = 0
  #sizeBytes = 0
  #inFlightBytes = 0
  readonly #inFlight = new Set<Promise<void>>()
  /** Buffers of the usual size, to be filled again. */
  readonly #spare: Buffer[] = []
  #failure: { readonly error: unknown } | undefined

  constructor(key: string, sink: PartSink, signal: AbortSignal) {
    this.#key = key
    this.#sink = sink
    this.#signal = AbortSignal.any([signal, this.#stop.signal])
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#assertUsable()
    for (let done = 0; done < bytes.length;) {
      // A full part is sent when more comes: if nothing does, it may be all there is.
      if (this.#part && this.#filledBytes === this.#part.length) await this.#send()
      const part = (this.#part ??= this.#takeBuffer())
      const count = Math.min(bytes.length - done, part.length - this.#filledBytes)
      part.set(bytes.subarray(done, done + count), this.#filledBytes)
      this.#filledBytes += count
      this.#sizeBytes += count
      done += count
    }
  }

  async commit(): Promise<'written' | 'taken'> {
    this.#assertUsable()
    this.#state = 'committing'
    const outcome = await this.#commit()
    this.#state = 'closed'
    return outcome
  }

  async abort(): Promise<void> {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#part = undefined
    this.#stop.abort(new Error(`the writer of ${this.#key} was given up`))
    await Promise.allSettled(this.#inFlight)
    if (!this.#begun) return
    const begun = await this.#begun.then(
      () => true,
      () => false,
    )
    if (begun) await this.#sink.discard()
  }

  async #commit(): Promise<'written' | 'taken'> {
    const rest = this.#part?.subarray(0, this.#filledBytes) ?? new Uint8Array()
    if (!this.#begun) return this.#sink.putWhole(rest, this.#signal)
    await this.#send()
    await Promise.all(this.#inFlight)
    this.#throwFailure()
    this.#signal.throwIfAborted()
    return this.#sink.finish(this.#sizeBytes, this.#signal)
  }

  /** Sends the part that is full (or the last one), as soon as there is room among those on their way. */
  async #send(): Promise<void> {
    const part = this.#part
    if (!part) return
    await (this.#begun ??= this.#sink.begin(this.#signal))
    const sent = part.subarray(0, this.#filledBytes)
    while (this.#inFlight.size > 0 && this.#inFlightBytes + sent.length > limits.objectWriteAheadBytesMax)
      await Promise.race(this.#inFlight)
    this.#throwFailure()
    this.#signal.throwIfAborted()
    this.#part = undefined
    this.#filledBytes = 0
    this.#launch(this.#parts++, sent, part)
  }

  #launch(index: number, sent: Uint8Array, buffer: Buffer): void {
    this.#inFlightBytes += sent.length
    const flight = this.#sink
      .putPart(index, sent, this.#signal)
      .catch((error: unknown) => {
        this.#failure ??= { error }
      })
      .finally(() => {
        this.#inFlight.delete(flight)
        this.#inFlightBytes -= sent.length
        if (buffer.length === limits.objectPartSizeBytes) this.#spare.push(buffer)
      })
    this.#inFlight.add(flight)
  }

  #takeBuffer(): Buffer {
    assert(this.#parts < limits.objectPartsMax, `${this.#key} has no more parts than servers allow`)
    const sizeBytes = partSizeBytes(this.#parts)
    const spare = sizeBytes === limits.objectPartSizeBytes ? this.#spare.pop() : undefined
    return spare ?? Buffer.allocUnsafeSlow(sizeBytes)
  }

  #assertUsable(): void {
    assert(this.#state === 'open', `the writer of ${this.#key} is used only until it is committed or aborted`)
    this.#signal.throwIfAborted()
    this.#throwFailure()
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.error
  }
}
