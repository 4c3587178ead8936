/** Reads a stream of pieces in lengths of the reader's choice. Holds no more than was asked for, and one piece. */
export class ByteQueue {
  readonly #stream: AsyncIterator<Uint8Array>
  #held: Buffer = Buffer.alloc(0)
  #ended = false

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.#stream = stream[Symbol.asyncIterator]()
  }

  /** The next bytes, without taking them: fewer than asked for only at the end of the stream. */
  async peek(count: number): Promise<Buffer> {
    await this.#fill(count)
    return this.#held.subarray(0, count)
  }

  /** Takes the next bytes: fewer than asked for only at the end of the stream. */
  async take(count: number): Promise<Buffer> {
    await this.#fill(count)
    const taken = this.#held.subarray(0, count)
    this.#held = this.#held.subarray(taken.length)
    return taken
  }

  /** Ends the stream early, so that whatever is behind it is closed. */
  async close(): Promise<void> {
    this.#ended = true
    await this.#stream.return?.()
  }

  async #fill(count: number): Promise<void> {
    if (this.#held.length >= count) return
    const parts = this.#held.length > 0 ? [this.#held] : []
    let length = this.#held.length
    while (length < count && !this.#ended) {
      const next = await this.#stream.next()
      if (next.done === true) {
        this.#ended = true
      } else {
        // The stream may use its piece again for the next one, so what is kept is copied.
        parts.push(Buffer.from(next.value))
        length += next.value.length
      }
    }
    this.#held = parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts)
  }
}
