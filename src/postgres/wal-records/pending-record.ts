/** A record while its parts come in, page by page. Keeps the bytes of the few kinds that are asked for. */
import { assert } from '../../base/assert.ts'
import type { Lsn } from '../../wal/lsn.ts'
import { recordHeaderSizeBytes } from './record.ts'

/** Continues a CRC-32C over more bytes; `before` is 0 at the start. */
export type Crc32c = (bytes: Uint8Array, before: number) => number

/** xl_crc stands last in the header, and covers the data first, then the header before it. */
const crcOffset = 20

export class PendingRecord {
  readonly startLsn: Lsn
  readonly lengthBytes: number
  readonly #keeps: (kindWord: number) => boolean
  readonly #crc32c: Crc32c | undefined
  #header: Uint8Array = new Uint8Array(0)
  #parts: Uint8Array[] = []
  #haveBytes = 0
  #dataCrc = 0

  constructor(
    startLsn: Lsn,
    lengthBytes: number,
    { keeps, crc32c }: { keeps: (kindWord: number) => boolean; crc32c: Crc32c | undefined },
  ) {
    this.startLsn = startLsn
    this.lengthBytes = lengthBytes
    this.#keeps = keeps
    this.#crc32c = crc32c
  }

  get missingBytes(): number {
    return this.lengthBytes - this.#haveBytes
  }

  get isWhole(): boolean {
    return this.missingBytes === 0
  }

  add(part: Uint8Array): void {
    assert(part.length <= this.missingBytes, 'a record is not longer than it says')
    const headerBytes = Math.min(part.length, recordHeaderSizeBytes - this.#header.length)
    if (headerBytes > 0) this.#header = joined([this.#header, part.subarray(0, headerBytes)])
    if (this.#crc32c) this.#dataCrc = this.#crc32c(part.subarray(headerBytes), this.#dataCrc)
    this.#haveBytes += part.length
    this.#parts.push(part)
    if (this.#header.length === recordHeaderSizeBytes && !this.#keeps(this.kindWord)) this.#parts = []
  }

  get kindWord(): number {
    return this.#headerView.getUint32(16, true)
  }

  /** The transaction, or sub-transaction, that wrote it; 0 when none did. */
  get xid(): number {
    return this.#headerView.getUint32(4, true)
  }

  get previousLsn(): Lsn {
    return this.#headerView.getBigUint64(8, true)
  }

  /** Undefined for kinds that nobody asked for. */
  get bytes(): Uint8Array | undefined {
    return this.#parts.length > 0 ? joined(this.#parts) : undefined
  }

  /** True, too, when nobody gave a checksum function. */
  get isIntact(): boolean {
    if (!this.#crc32c) return true
    return (
      this.#crc32c(this.#header.subarray(0, crcOffset), this.#dataCrc) ===
      this.#headerView.getUint32(crcOffset, true)
    )
  }

  get #headerView(): DataView {
    return new DataView(this.#header.buffer, this.#header.byteOffset, this.#header.byteLength)
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts
  const filled = parts.filter(({ length }) => length > 0)
  return filled.length === 1 && filled[0] ? filled[0] : first ? Buffer.concat(parts) : new Uint8Array(0)
}
