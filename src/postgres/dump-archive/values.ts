/** The small values that a header and a TOC are made of: integers, text, offsets; and the way back. */
import { assert } from '../../base/assert.ts'
import { integerBytes, invalidArchive, type ByteText, type OffsetState } from './archive.ts'

/** There is not enough yet: the same is tried again once more has arrived. Never leaves this folder. */
export class MoreWanted extends Error {}

/** Reads values one after the other. Throws `MoreWanted` at the end of what is there. */
export class ValueReader {
  readonly #bytes: Buffer
  at: number

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes
    this.at = at
  }

  #take(count: number): number {
    const from = this.at
    if (from + count > this.#bytes.length) throw new MoreWanted()
    this.at += count
    return from
  }

  byte(): number {
    return this.#bytes.readUInt8(this.#take(1))
  }

  integer(): number {
    const from = this.#take(integerBytes)
    const sign = this.#bytes.readUInt8(from)
    if (sign > 1) throw invalidArchive(`an integer has the sign ${String(sign)}`)
    const value = this.#bytes.readUInt32LE(from + 1)
    if (value > (sign === 1 ? 0x8000_0000 : 0x7fff_ffff))
      throw invalidArchive(`an integer has the value ${String(value)}`)
    return sign === 1 && value !== 0 ? -value : value
  }

  /** Undefined is C's null pointer, which is not the same as no text. */
  text(lengthMax: number): ByteText | undefined {
    const length = this.integer()
    if (length < 0) {
      if (length !== -1) throw invalidArchive(`a text has the length ${String(length)}`)
      return undefined
    }
    if (length > lengthMax) throw invalidArchive(`a text of ${String(length)} bytes is impossibly long`)
    const from = this.#take(length)
    return this.#bytes.toString('latin1', from, from + length)
  }

  offset(): { readonly state: OffsetState; readonly offset: number } {
    const code = this.byte()
    const state = offsetStates[code - 1]
    if (state === undefined) throw invalidArchive(`an offset has the state ${String(code)}`)
    const value = this.#bytes.readBigUInt64LE(this.#take(offsetBytes))
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw invalidArchive(`an offset is ${String(value)}`)
    return { state, offset: Number(value) }
  }
}

export const offsetBytes = 8
const offsetStates: readonly OffsetState[] = ['unknown', 'known', 'none']

/** Collects values; `bytes` gives what they look like in an archive. */
export class ValueWriter {
  readonly #parts: Buffer[] = []

  byte(value: number): void {
    this.#parts.push(Buffer.of(value))
  }

  raw(bytes: Buffer): void {
    this.#parts.push(bytes)
  }

  integer(value: number): void {
    this.#parts.push(encodeInteger(value))
  }

  text(text: ByteText | undefined): void {
    if (text === undefined) {
      this.integer(-1)
      return
    }
    this.integer(text.length)
    this.#parts.push(Buffer.from(text, 'latin1'))
  }

  offset(state: OffsetState, offset: number): void {
    const bytes = Buffer.alloc(1 + offsetBytes)
    bytes.writeUInt8(offsetStates.indexOf(state) + 1)
    bytes.writeBigUInt64LE(BigInt(offset), 1)
    this.#parts.push(bytes)
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#parts)
  }
}

export function encodeInteger(value: number): Buffer {
  assert(Number.isInteger(value) && Math.abs(value) <= 0x8000_0000, 'an integer fits four bytes and a sign')
  const bytes = Buffer.alloc(integerBytes)
  bytes.writeUInt8(value < 0 ? 1 : 0)
  bytes.writeUInt32LE(Math.abs(value), 1)
  return bytes
}
