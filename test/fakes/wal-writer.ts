/**
 * Writes WAL as PostgreSQL does, of records that a test names: pages and their headers, records that go on over pages
 * and segments, the chain and the checksums. pg_waldump reads what it makes.
 */
import { crc32c } from '@node-rs/crc32'
import { segmentName } from '../../src/wal/segment.ts'
import type { Lsn } from '../../src/wal/lsn.ts'
import type { RecordPlace } from '../../src/wal/events.ts'
import type { Micros } from '../../src/wal/time.ts'

export interface WalWriterOptions {
  readonly timeline?: number
  readonly segmentSizeBytes?: number
  readonly pageSizeBytes?: number
  readonly systemIdentifier?: bigint
  /** Of PostgreSQL 15. */
  readonly magic?: number
  /** The start of a segment. */
  readonly startLsn?: Lsn
}

const postgresEpochMicros = 946_684_800_000_000
const align = (n: number): number => Math.ceil(n / 8) * 8

export class WalWriter {
  readonly segmentSizeBytes: number
  readonly systemIdentifier: bigint
  readonly #magic: number
  readonly #page: number
  /** Finished and unfinished segments, by name. */
  readonly segments = new Map<string, Buffer>()
  timeline: number
  #at: Lsn
  #previous: Lsn = 0n

  constructor(options: WalWriterOptions = {}) {
    this.timeline = options.timeline ?? 1
    this.segmentSizeBytes = options.segmentSizeBytes ?? 64 * 1024
    this.systemIdentifier = options.systemIdentifier ?? 7481n
    this.#page = options.pageSizeBytes ?? 8192
    this.#magic = options.magic ?? 0xd110
    this.#at = options.startLsn ?? BigInt(this.segmentSizeBytes)
  }

  /** Where the next record would begin, page headers not counted. */
  get lsn(): Lsn {
    return this.#at
  }

  commit(xid: number, time: Micros): RecordPlace {
    return this.record(1, 0x00, xid, mainData(timeBytes(time)))
  }

  abort(xid: number, time: Micros): RecordPlace {
    return this.record(1, 0x20, xid, mainData(timeBytes(time)))
  }

  /** By another transaction id than its own, with sub-transactions and dropped statistics before the id. */
  commitPrepared(xid: number, time: Micros, statisticsItemBytes = 12): RecordPlace {
    const parts = Buffer.alloc(4 + 8 + 4 + 8 + 4 + 2 * statisticsItemBytes + 4 + 16 + 4)
    parts.writeUInt32LE((1 << 0) | (1 << 1) | (1 << 8) | (1 << 3) | (1 << 4), 0)
    parts.writeUInt32LE(2, 12) // sub-transactions
    parts.writeUInt32LE(2, 24) // dropped statistics
    parts.writeUInt32LE(1, 28 + 2 * statisticsItemBytes) // invalidation messages
    parts.writeUInt32LE(xid, parts.length - 4)
    return this.record(1, 0x30 | 0x80, 0, mainData(Buffer.concat([timeBytes(time), parts])))
  }

  restorePoint(name: string, time: Micros): RecordPlace {
    const named = Buffer.alloc(72)
    timeBytes(time).copy(named)
    named.write(name, 8, 63)
    return this.record(0, 0x70, 0, mainData(named))
  }

  /** A record of another kind, with so much data. */
  filler(sizeBytes: number): RecordPlace {
    return this.record(10, 0x00, 1, mainData(Buffer.alloc(sizeBytes, sizeBytes % 251)))
  }

  /** Ends the segment. */
  switch(): RecordPlace {
    const { startLsn } = this.record(0, 0x40, 0, Buffer.alloc(0))
    const size = BigInt(this.segmentSizeBytes)
    if (this.#at % size !== 0n) this.#at = (this.#at / size + 1n) * size
    return { startLsn, endLsn: this.#at }
  }

  /**
   * A record that a crash cut off at the end of its page; after the restart PostgreSQL says on the next page that it is
   * to be forgotten.
   */
  abandoned(): RecordPlace {
    this.#beginPage(0)
    const startLsn = this.#at
    const room = this.#page - Number(startLsn % BigInt(this.#page))
    const bytes = Buffer.alloc(room, 255)
    bytes.writeUInt32LE(room + 1000, 0)
    bytes.writeBigUInt64LE(this.#previous, 8)
    bytes.copy(this.#segment(), Number(startLsn % BigInt(this.segmentSizeBytes)))
    this.#at += BigInt(room)
    const pageAt = Number(this.#at % BigInt(this.segmentSizeBytes))
    this.#beginPage(0)
    const segment = this.#segment()
    segment.writeUInt16LE(segment.readUInt16LE(pageAt + 2) | 0x8, pageAt + 2)
    return { startLsn, endLsn: this.#at }
  }

  record(manager: number, info: number, xid: number, data: Buffer): RecordPlace {
    const bytes = Buffer.alloc(24 + data.length)
    bytes.writeUInt32LE(bytes.length, 0)
    bytes.writeUInt32LE(xid, 4)
    bytes.writeBigUInt64LE(this.#previous, 8)
    bytes.writeUInt8(info, 16)
    bytes.writeUInt8(manager, 17)
    data.copy(bytes, 24)
    bytes.writeUInt32LE(crc32c(bytes.subarray(0, 20), crc32c(data, 0)), 20)
    return this.#append(bytes)
  }

  /** Goes on as another timeline at this position: in a copy of the segment that is being written. */
  branch(timeline: number): WalWriter {
    const branch = new WalWriter({
      timeline,
      segmentSizeBytes: this.segmentSizeBytes,
      pageSizeBytes: this.#page,
      systemIdentifier: this.systemIdentifier,
      magic: this.#magic,
      startLsn: this.#at,
    })
    branch.#previous = this.#previous
    const number = this.#at / BigInt(this.segmentSizeBytes)
    const begun = this.segments.get(segmentName({ timeline: this.timeline, number }, this.segmentSizeBytes))
    if (begun && this.#at % BigInt(this.segmentSizeBytes) !== 0n) {
      branch.segments.set(segmentName({ timeline, number }, this.segmentSizeBytes), Buffer.from(begun))
    }
    return branch
  }

  #append(bytes: Buffer): RecordPlace {
    this.#beginPage(0)
    const startLsn = this.#at
    this.#previous = startLsn
    for (let written = 0; written < bytes.length;) {
      this.#beginPage(bytes.length - written)
      const room = this.#page - Number(this.#at % BigInt(this.#page))
      const part = bytes.subarray(written, written + room)
      part.copy(this.#segment(), Number(this.#at % BigInt(this.segmentSizeBytes)))
      written += part.length
      this.#at += BigInt(part.length)
    }
    this.#at = BigInt(align(Number(this.#at)))
    return { startLsn, endLsn: this.#at }
  }

  /** Writes the header when a page begins here; `remainingBytes` of a record go on in it. */
  #beginPage(remainingBytes: number): void {
    if (this.#at % BigInt(this.#page) !== 0n) return
    const offset = Number(this.#at % BigInt(this.segmentSizeBytes))
    const segment = this.#segment()
    segment.writeUInt16LE(this.#magic, offset)
    segment.writeUInt16LE((remainingBytes > 0 ? 1 : 0) | (offset === 0 ? 2 : 0), offset + 2)
    segment.writeUInt32LE(this.timeline, offset + 4)
    segment.writeBigUInt64LE(this.#at, offset + 8)
    segment.writeUInt32LE(remainingBytes, offset + 16)
    if (offset === 0) {
      segment.writeBigUInt64LE(this.systemIdentifier, 24)
      segment.writeUInt32LE(this.segmentSizeBytes, 32)
      segment.writeUInt32LE(this.#page, 36)
    }
    this.#at += offset === 0 ? 40n : 24n
  }

  #segment(): Buffer {
    const number = this.#at / BigInt(this.segmentSizeBytes)
    const name = segmentName({ timeline: this.timeline, number }, this.segmentSizeBytes)
    const known = this.segments.get(name) ?? Buffer.alloc(this.segmentSizeBytes)
    this.segments.set(name, known)
    return known
  }
}

function timeBytes(time: Micros): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(BigInt(time - postgresEpochMicros))
  return bytes
}

function mainData(data: Buffer): Buffer {
  if (data.length < 256) return Buffer.concat([Buffer.from([255, data.length]), data])
  const head = Buffer.alloc(5, 254)
  head.writeUInt32LE(data.length, 1)
  return Buffer.concat([head, data])
}
