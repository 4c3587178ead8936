/**
 * Puts records together from the pages of one segment after the other, and checks what PostgreSQL checks. See
 * XLogDecodeNextRecord, ValidXLogRecordHeader and ValidXLogRecord in src/backend/access/transam/xlogreader.c.
 */
import type { RecordPlace } from '../../wal/events.ts'
import { formatLsn, type Lsn } from '../../wal/lsn.ts'
import {
  aligned,
  decodeLongPageHeader,
  decodePageHeader,
  describePage,
  pageContinuesRecord,
  pageForgetsRecord,
  type PageHeader,
} from './page.ts'
import { PendingRecord, type Crc32c } from './pending-record.ts'
import { isSwitch, recordHeaderSizeBytes, recordSizeBytesMax } from './record.ts'

export interface WholeRecord extends RecordPlace {
  readonly kindWord: number
  /** The transaction, or sub-transaction, that wrote it; 0 when none did. */
  readonly xid: number
  readonly lengthBytes: number
  readonly postgresMajor: number
  /** Without page headers; undefined when it lay over several pages and is of a kind that nobody asks for. */
  readonly bytes: Uint8Array | undefined
}

/** What goes on from one segment to the next. */
export interface ReadState {
  readonly crc32c: Crc32c | undefined
  /** Kinds whose bytes are wanted, also where they lie over several pages. */
  readonly keeps: (kindWord: number) => boolean
  /** A record that is not whole yet. */
  pending: PendingRecord | undefined
  previousStartLsn: Lsn | undefined
  /** Why nothing can be read any more, whatever segments come. */
  trouble: string | undefined
}

/** Nothing has been read yet. */
export function newReadState(keeps: ReadState['keeps'], crc32c: Crc32c | undefined): ReadState {
  return { crc32c, keeps, pending: undefined, previousStartLsn: undefined, trouble: undefined }
}

/** The whole records that end in this segment. Sets `state.trouble` and ends where PostgreSQL would read no further. */
export function* readRecords(segment: Uint8Array, state: ReadState): Generator<WholeRecord> {
  const view = new DataView(segment.buffer, segment.byteOffset, segment.byteLength)
  const first = decodeLongPageHeader(view)
  if (!first) {
    state.trouble = 'a segment does not begin like one'
    return
  }
  for (let pageStart = 0; pageStart < segment.length; pageStart += first.pageSizeBytes) {
    const page = decodePageHeader(view, pageStart)
    const pageLsn = first.lsn + BigInt(pageStart)
    if (page?.lsn !== pageLsn) {
      state.trouble = `there is ${page ? `a page of ${describePage(page)}` : 'no page'} at ${formatLsn(pageLsn)}`
      return
    }
    const bytes = segment.subarray(pageStart, pageStart + first.pageSizeBytes)
    for (const record of readPage(bytes, page, state)) {
      const place = isSwitch(record.kindWord)
        ? { ...record, endLsn: first.lsn + BigInt(segment.length) }
        : record
      yield place
      if (place !== record) return
    }
    if (state.trouble !== undefined) return
  }
}

function* readPage(bytes: Uint8Array, page: PageHeader, state: ReadState): Generator<WholeRecord> {
  const continued = continuePending(bytes, page, state)
  if (continued.record) yield continued.record
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let offset = continued.nextOffset
  while (offset < bytes.length && state.trouble === undefined) {
    const startLsn = page.lsn + BigInt(offset)
    const lengthBytes = view.getUint32(offset, true)
    if (lengthBytes < recordHeaderSizeBytes || lengthBytes > recordSizeBytesMax) {
      state.trouble =
        lengthBytes === 0
          ? `the WAL ends at ${formatLsn(startLsn)}`
          : `no record begins at ${formatLsn(startLsn)}`
      return
    }
    const pending = new PendingRecord(startLsn, lengthBytes, state)
    pending.add(bytes.subarray(offset, Math.min(offset + lengthBytes, bytes.length)))
    offset += aligned(lengthBytes)
    if (!pending.isWhole) {
      state.pending = pending
      return
    }
    const record = finish(pending, page, page.lsn + BigInt(offset), state)
    if (record) yield record
  }
}

/** The rest, or the next part, of the record that an earlier page began. */
function continuePending(
  bytes: Uint8Array,
  page: PageHeader,
  state: ReadState,
): { record: WholeRecord | undefined; nextOffset: number } {
  const pending = page.flags & pageForgetsRecord ? undefined : state.pending
  state.pending = undefined
  if (page.flags & pageForgetsRecord) state.previousStartLsn = undefined
  if (!(page.flags & pageContinuesRecord)) {
    if (pending) state.trouble = `the record at ${formatLsn(pending.startLsn)} is not continued`
    return { record: undefined, nextOffset: page.sizeBytes }
  }
  const end = Math.min(page.sizeBytes + page.remainingBytes, bytes.length)
  const nextOffset = Math.min(aligned(end), bytes.length)
  if (!pending) return { record: undefined, nextOffset }
  if (pending.missingBytes !== page.remainingBytes) {
    state.trouble = `the record at ${formatLsn(pending.startLsn)} goes on with ${String(page.remainingBytes)} bytes, not ${String(pending.missingBytes)}`
    return { record: undefined, nextOffset }
  }
  pending.add(bytes.subarray(page.sizeBytes, end))
  if (pending.isWhole)
    return { record: finish(pending, page, page.lsn + BigInt(nextOffset), state), nextOffset }
  state.pending = pending
  return { record: undefined, nextOffset }
}

function finish(
  pending: PendingRecord,
  page: PageHeader,
  endLsn: Lsn,
  state: ReadState,
): WholeRecord | undefined {
  const { startLsn, previousLsn, kindWord, xid, lengthBytes, bytes } = pending
  if (state.previousStartLsn !== undefined && previousLsn !== state.previousStartLsn) {
    state.trouble = `the record at ${formatLsn(startLsn)} follows one at ${formatLsn(previousLsn)}, not the last one`
    return undefined
  }
  if (!pending.isIntact) {
    state.trouble = `the record at ${formatLsn(startLsn)} fails its checksum`
    return undefined
  }
  state.previousStartLsn = startLsn
  return { startLsn, endLsn, kindWord, xid, lengthBytes, bytes, postgresMajor: page.postgresMajor }
}
