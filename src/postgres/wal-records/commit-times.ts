/**
 * The times of the commits and aborts in one segment, quickly: for the head that is stored in the clear with it.
 *
 * This runs at every push, in a process that has just been started, over up to hundreds of thousands of records:
 * the walk looks at two words of each and allocates nothing for it. It trusts the segment's structure, ends where
 * that ends (after a switch, at a zero tail, at a page left over from the file's former use), and judges nothing:
 * read-events.ts is the careful reader.
 */
import { microsFromPostgres, type Micros } from '../../wal/time.ts'
import { advance, aligned, decodeLongPageHeader, pageContinuesRecord, pageHeaderSizeBytes } from './page.ts'
import {
  mainDataOffset,
  mainDataOffsetMax,
  recordHeaderSizeBytes,
  transactionOperation,
  transactionOperationOf,
  xlogOperation,
  xlogOperationOf,
} from './record.ts'

export interface CommitTimes {
  readonly count: number
  readonly earliest: Micros
  readonly latest: Micros
}

/** Of records that begin in this segment and whose time lies in it too. Undefined when there is none. */
export function scanCommitTimes(segment: Uint8Array): CommitTimes | undefined {
  const times: Micros[] = []
  walkOwnAndTransactionRecords(segment, (offset, kindWord, pageSizeBytes) => {
    if (!endsTransaction(transactionOperationOf(kindWord))) return
    const time = timeOf(segment, offset, pageSizeBytes)
    if (time !== undefined) times.push(time)
  })
  if (times.length === 0) return undefined
  return {
    count: times.length,
    earliest: times.reduce((least, time) => Math.min(least, time)),
    latest: times.reduce((most, time) => Math.max(most, time)),
  }
}

/** Calls `visit` for the records of the log itself and of transactions: few among many. */
function walkOwnAndTransactionRecords(
  segment: Uint8Array,
  visit: (offset: number, kindWord: number, pageSizeBytes: number) => void,
): void {
  const view = new DataView(segment.buffer, segment.byteOffset, segment.byteLength)
  const header = decodeLongPageHeader(view)
  if (!header) return
  const page = header.pageSizeBytes
  const firstLsnLow = view.getUint32(8, true)
  let offset = header.sizeBytes
  if (header.flags & pageContinuesRecord) offset = advance(offset, aligned(header.remainingBytes), page)
  let pageEnd = 0
  while (offset + recordHeaderSizeBytes <= segment.length) {
    if (offset >= pageEnd) {
      const pageStart = offset - (offset % page)
      if (view.getUint32(pageStart + 8, true) !== (firstLsnLow + pageStart) >>> 0) return
      if (offset === pageStart) offset += pageHeaderSizeBytes
      pageEnd = pageStart + page
    }
    const length = view.getUint32(offset, true)
    if (length < recordHeaderSizeBytes) return
    const kindAt = offset + 16 < pageEnd ? offset + 16 : advance(offset, 16, page)
    if (kindAt + 4 > segment.length) return
    const kindWord = view.getUint32(kindAt, true)
    if ((kindWord & 0xfe00) === 0) {
      visit(offset, kindWord, page)
      if (xlogOperationOf(kindWord) === xlogOperation.switch) return
    }
    const next = offset + ((length + 7) & ~7)
    offset = next < pageEnd ? next : advance(offset, aligned(length), page)
  }
}

function endsTransaction(operation: number | undefined): boolean {
  return (
    operation !== undefined &&
    operation !== transactionOperation.prepare &&
    operation <= transactionOperation.abortPrepared
  )
}

/** The time stands first in the main data; the record may go on over the next page, or leave the segment. */
function timeOf(segment: Uint8Array, offset: number, pageSizeBytes: number): Micros | undefined {
  const start = takeAcrossPages(segment, offset, mainDataOffsetMax + 8, pageSizeBytes)
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength)
  const at = mainDataOffset(view)
  if (at === undefined || at + 8 > view.byteLength) return undefined
  return microsFromPostgres(view.getInt32(at + 4, true) * 0x1_0000_0000 + view.getUint32(at, true))
}

/** The bytes of a record without the page headers between; fewer at the end of the segment. */
function takeAcrossPages(
  segment: Uint8Array,
  offset: number,
  sizeBytes: number,
  pageSizeBytes: number,
): Uint8Array {
  const room = pageSizeBytes - (offset % pageSizeBytes)
  if (sizeBytes <= room) return segment.subarray(offset, offset + sizeBytes)
  const nextPage = offset + room + pageHeaderSizeBytes
  return Buffer.concat([
    segment.subarray(offset, offset + room),
    segment.subarray(nextPage, nextPage + sizeBytes - room),
  ])
}
