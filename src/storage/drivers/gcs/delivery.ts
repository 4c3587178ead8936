/**
 * One chunk of a resumable upload on its way: what the server does not have of it is sent until it has all. After an
 * answer that was lost, the server is asked how much it has before anything is sent again.
 */
import type { Fault } from '../../../base/fault.ts'
import { sizeOf, type GcsReply } from './client.ts'

export interface Chunk {
  readonly startBytes: number
  readonly pieces: readonly Uint8Array[]
}

export interface DeliveryWays {
  retry(work: () => Promise<GcsReply>): Promise<GcsReply>
  /** How much of the upload is there? */
  ask(contentRange: string): Promise<GcsReply>
  /** Sends these bytes to the upload, under this Content-Range. 308 is an answer. */
  put(contentRange: string, body: readonly Uint8Array[]): Promise<GcsReply>
  lost(how: string): Fault
}

export class Delivery {
  readonly #pieces: readonly Uint8Array[]
  readonly #startBytes: number
  readonly #endBytes: number
  /** Of the whole object, or `*` while that is not known. */
  readonly #total: string
  readonly #ways: DeliveryWays
  /** Where the server is, as far as it has said. */
  #atBytes: number
  #isSure = true

  constructor({ startBytes, pieces }: Chunk, total: string, ways: DeliveryWays) {
    this.#pieces = pieces
    this.#startBytes = startBytes
    this.#endBytes = startBytes + sizeOf(pieces)
    this.#total = total
    this.#ways = ways
    this.#atBytes = startBytes
  }

  /** The last answer: 308 when all is there and the object is not to be made yet. */
  async run(): Promise<GcsReply> {
    for (;;) {
      const beforeBytes = this.#atBytes
      const reply = await this.#ways.retry(() => this.#step())
      if (reply.status !== 308 || this.#isDone()) return reply
      if (this.#isSure && this.#atBytes <= beforeBytes) throw this.#ways.lost('takes no more of it')
    }
  }

  async #step(): Promise<GcsReply> {
    if (!this.#isSure) {
      const status = await this.#ways.ask(`bytes */${this.#total}`)
      if (status.status !== 308) return status
      if (!this.#reached(status))
        throw this.#ways.lost(`has ${String(this.#atBytes)} bytes of it, and once had others`)
      if (this.#isDone()) return status
    }
    this.#isSure = false
    const reply = await this.#ways.put(this.#contentRange(), this.#rest())
    if (reply.status === 308) this.#reached(reply)
    return reply
  }

  /** How much the server has: nothing, when it names no range. */
  #reached({ headers }: GcsReply): boolean {
    const last = /0-(\d+)$/.exec(headers.get('range') ?? '')?.[1]
    this.#atBytes = last === undefined ? 0 : Number(last) + 1
    this.#isSure = this.#atBytes >= this.#startBytes && this.#atBytes <= this.#endBytes
    return this.#isSure
  }

  #isDone(): boolean {
    return this.#isSure && this.#total === '*' && this.#atBytes === this.#endBytes
  }

  /** `bytes 0-524287/*`; of no bytes at all only the total can be told. */
  #contentRange(): string {
    return this.#atBytes === this.#endBytes
      ? `bytes */${this.#total}`
      : `bytes ${String(this.#atBytes)}-${String(this.#endBytes - 1)}/${this.#total}`
  }

  #rest(): readonly Uint8Array[] {
    let left = this.#atBytes - this.#startBytes
    return this.#pieces.flatMap(piece => {
      const skipped = Math.min(left, piece.length)
      left -= skipped
      return skipped === piece.length ? [] : [piece.subarray(skipped)]
    })
  }
}
