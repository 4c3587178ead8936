/**
 * Takes out of a segment what changes relations that are not there: such a record becomes one that does nothing
 * (XLOG_NOOP), of the same length at the same place, with its transaction id, its link to the record before and a right
 * checksum. So PostgreSQL replays the rest as ever, and stops where it would have.
 *
 * A record that goes on from one segment into another stays as it is: each segment is looked at by itself. At most two of
 * those are in a segment, and a server with `ignore_invalid_pages` passes over them.
 */
import { KiB } from '../../base/units.ts'
import type { RelationLocator } from './decode-record.ts'
import { decodeRecord, locatorAt, type DecodedRecord } from './decode-record.ts'
import { manager, managerOf, operationOf, pageImages, storageOperation } from './manager.ts'
import {
  advance,
  aligned,
  decodeLongPageHeader,
  decodePageHeader,
  pageContinuesRecord,
  type LongPageHeader,
} from './page.ts'
import type { Crc32c } from './pending-record.ts'
import { isSwitch, recordHeaderSizeBytes } from './record.ts'

/** Whether what changes this relation is to be replayed. Relation 0 stands for all of its database. */
export type IsWanted = (place: RelationLocator) => boolean

const noop = 0x20

/** Changes the bytes of the segment in place. Returns how many records are taken out. */
export function withholdRecords(segment: Uint8Array, isWanted: IsWanted, crc32c: Crc32c): number {
  const view = new DataView(segment.buffer, segment.byteOffset, segment.byteLength)
  const first = decodeLongPageHeader(view)
  if (!first) return 0
  let count = 0
  const join = joining()
  let at = firstRecordAt(first)
  while (at + recordHeaderSizeBytes <= segment.length) {
    if (!isPageSound(view, at, first)) break
    const lengthBytes = view.getUint32(at, true)
    if (lengthBytes < recordHeaderSizeBytes) break
    const parts = partsOf(at, lengthBytes, first.pageSizeBytes)
    const last = parts.at(-1)
    if (!last || last.end > segment.length) break
    const record = join(segment, parts)
    const kindWord = new DataView(record.buffer, record.byteOffset).getUint32(16, true)
    if (isSwitch(kindWord)) break
    if (!isToBeReplayed(record, kindWord, first.postgresMajor, isWanted)) {
      writeParts(segment, parts, noopOf(record, crc32c))
      count++
    }
    at = nextRecordAt(at, lengthBytes, first.pageSizeBytes)
  }
  return count
}

function firstRecordAt({ flags, remainingBytes, sizeBytes, pageSizeBytes }: LongPageHeader): number {
  const rest = flags & pageContinuesRecord ? aligned(remainingBytes) : 0
  return afterHeader(advance(sizeBytes, rest, pageSizeBytes), pageSizeBytes)
}

function nextRecordAt(at: number, lengthBytes: number, pageSizeBytes: number): number {
  return afterHeader(advance(at, aligned(lengthBytes), pageSizeBytes), pageSizeBytes)
}

/** A record never begins in the header of a page. */
const afterHeader = (at: number, pageSizeBytes: number): number => (at % pageSizeBytes === 0 ? at + 24 : at)

/** What is left of the file's former use, or was never finished, is not looked at. */
function isPageSound(view: DataView, at: number, first: LongPageHeader): boolean {
  const start = at - (at % first.pageSizeBytes)
  const page = decodePageHeader(view, start)
  return page?.lsn === first.lsn + BigInt(start)
}

interface Part {
  readonly start: number
  readonly end: number
}

function partsOf(at: number, lengthBytes: number, pageSizeBytes: number): readonly Part[] {
  const parts: Part[] = []
  for (let [start, left] = [at, lengthBytes]; left > 0;) {
    const pageEnd = start - (start % pageSizeBytes) + pageSizeBytes
    const end = Math.min(start + left, pageEnd)
    parts.push({ start, end })
    left -= end - start
    start = pageEnd + 24
  }
  return parts
}

/** A record in one piece, which is good until the next one is asked for. */
function joining(): (segment: Uint8Array, parts: readonly Part[]) => Uint8Array {
  let room = new Uint8Array(32 * KiB)
  return (segment, parts) => {
    const [first] = parts
    if (first && parts.length === 1) return segment.subarray(first.start, first.end)
    const length = parts.reduce((sum, { start, end }) => sum + end - start, 0)
    if (length > room.length) room = new Uint8Array(length)
    let at = 0
    for (const { start, end } of parts) {
      room.set(segment.subarray(start, end), at)
      at += end - start
    }
    return room.subarray(0, length)
  }
}

function writeParts(segment: Uint8Array, parts: readonly Part[], record: Uint8Array): void {
  let from = 0
  for (const { start, end } of parts) {
    segment.set(record.subarray(from, from + end - start), start)
    from += end - start
  }
}

function noopOf(record: Uint8Array, crc32c: Crc32c): Uint8Array {
  const changed = Buffer.alloc(record.length)
  changed.set(record.subarray(0, 16))
  changed.writeUInt8(noop, 16)
  changed.writeUInt8(manager.xlog, 17)
  const bodyBytes = record.length - recordHeaderSizeBytes
  if (bodyBytes - 2 <= 255) changed.set([255, bodyBytes - 2], recordHeaderSizeBytes)
  else {
    changed.writeUInt8(254, recordHeaderSizeBytes)
    changed.writeUInt32LE(bodyBytes - 5, recordHeaderSizeBytes + 1)
  }
  const body = changed.subarray(recordHeaderSizeBytes)
  changed.writeUInt32LE(crc32c(changed.subarray(0, 20), crc32c(body, 0)), 20)
  return changed
}

/** Records that are about no relation go through: transactions, their status, checkpoints. */
function isToBeReplayed(record: Uint8Array, kindWord: number, major: number, isWanted: IsWanted): boolean {
  const by = managerOf(kindWord)
  if (by === manager.transaction || record.length < recordHeaderSizeBytes + 2) return true
  if (by === manager.xlog && !pageImages.includes(operationOf(kindWord))) return true
  const decoded = decodeRecord(record, major)
  if (!decoded) return true
  const { main, blocks } = decoded
  const view = new DataView(main.buffer, main.byteOffset, main.byteLength)
  switch (by) {
    case manager.storage:
      return isWanted(locatorAt(view, operationOf(kindWord) === storageOperation.truncate ? 4 : 0))
    case manager.relationMap:
      return isWanted({ database: view.getUint32(0, true), tablespace: 0, relation: 0 })
    case manager.database:
      return isWanted({ database: view.getUint32(0, true), tablespace: 0, relation: 0 })
    case manager.tablespace:
      // It would be made, or removed, where the original has it.
      return false
    default:
      return isOfWanted(
        decoded,
        blocks.length === 0 && by === manager.heap2 && (kindWord & 0x70) === 0,
        isWanted,
      )
  }
}

/** `isRewriteMapping`: a file for logical decoding, which nobody reads here. */
function isOfWanted({ blocks }: DecodedRecord, isRewriteMapping: boolean, isWanted: IsWanted): boolean {
  return blocks.length === 0 ? !isRewriteMapping : blocks.some(isWanted)
}
