/**
 * The times of the commits and aborts in one segment, quickly: for the head that is stored in the clear with it.
 *
 * This runs at every push, in a process that has just been started, over up to hundreds of thousands of records. So
 * the walk counts in words of 32 bits (a typed array is several times as fast as a DataView before the compiler has
 * warmed up), looks at two words of each record, and allocates nothing for it. It trusts the segment's structure, ends
 * where that ends (after a switch, at a zero tail, at a page left over from the file's former use), and judges
 * nothing: read-events.ts is the careful reader.
 */
import { microsFromPostgres, type Micros } from '../../wal/time.ts'
import { advance, aligned, decodeLongPageHeader, pageContinuesRecord, pageHeaderSizeBytes } from './page.ts'
import {
  isSwitch,
  isTransactionEnd,
  mainDataOffset,
  mainDataOffsetMax,
  otherManagers,
  recordHeaderSizeBytes,
  shortMainData,
} from './record.ts'

export interface CommitTimes {
  readonly count: number
  readonly earliest: Micros
  readonly latest: Micros
}

/** Of records that begin in this segment and whose time lies in it too. Undefined when there is none. */
export function scanCommitTimes(segment: Uint8Array): CommitTimes | undefined {
  const layout = layoutOf(segment)
  const times = layout && walk(layout)
  if (!times || times.count === 0) return undefined
  const { count, earliest, latest } = times
  return { count, earliest: microsFromPostgres(earliest), latest: microsFromPostgres(latest) }
}

/** A segment in words of four bytes. */
interface Layout {
  readonly segment: Uint8Array
  readonly words: Uint32Array
  readonly pageWords: number
  readonly firstRecordWord: number
}

const wordBytes = 4
const headerWords = pageHeaderSizeBytes / wordBytes

function layoutOf(segment: Uint8Array): Layout | undefined {
  const whole = segment.byteOffset % wordBytes === 0 ? segment : segment.slice()
  const header = decodeLongPageHeader(new DataView(whole.buffer, whole.byteOffset, whole.byteLength))
  if (!header) return undefined
  const words = new Uint32Array(whole.buffer, whole.byteOffset, Math.floor(whole.byteLength / wordBytes))
  const pageWords = header.pageSizeBytes / wordBytes
  const continuedBytes = header.flags & pageContinuesRecord ? header.remainingBytes : 0
  const next = advance(header.sizeBytes, aligned(continuedBytes), header.pageSizeBytes)
  return { segment: whole, words, pageWords, firstRecordWord: next / wordBytes }
}

/** One loop on purpose: a call for each record would double the time that all of it takes. */
function walk(layout: Layout): CommitTimes {
  const { words, pageWords, firstRecordWord } = layout
  const firstLsnLow = words[2] ?? 0
  let [count, earliest, latest] = [0, Infinity, -Infinity]
  let at = firstRecordWord
  let pageEnd = 0
  while (at < words.length) {
    if (at >= pageEnd) {
      const pageStart = at - (at % pageWords)
      if (words[pageStart + 2] !== (firstLsnLow + pageStart * wordBytes) >>> 0) break
      if (at === pageStart) at += headerWords
      pageEnd = pageStart + pageWords
    }
    const lengthBytes = words[at] ?? 0
    if (lengthBytes < recordHeaderSizeBytes) break
    const kindWord = words[at + 4 < pageEnd ? at + 4 : at + 4 + headerWords] ?? 0
    if ((kindWord & otherManagers) === 0) {
      if (isSwitch(kindWord)) break
      const time = isTransactionEnd(kindWord) ? timeAt(layout, at) : undefined
      if (time !== undefined) {
        count++
        if (time < earliest) earliest = time
        if (time > latest) latest = time
      }
    }
    const next = at + ((lengthBytes + 7) >>> 3) * 2
    at = next < pageEnd ? next : skipToNextPages(next - pageEnd, pageEnd, pageWords)
  }
  return { count, earliest, latest }
}

/** A record goes on for `beyondWords` after the end of a page; the next one begins where, all headers passed over. */
function skipToNextPages(beyondWords: number, pageEnd: number, pageWords: number): number {
  const payloadWords = pageWords - headerWords
  const pages = Math.floor(beyondWords / payloadWords)
  return pageEnd + pages * pageWords + headerWords + (beyondWords - pages * payloadWords)
}

/** The time stands first in the main data; the record may go on over the next page, or leave the segment. */
function timeAt({ segment, words, pageWords }: Layout, at: number): number | undefined {
  const room = pageWords - (at % pageWords)
  const dataHeader = words[at + 6] ?? 0
  if (room > 8 && (dataHeader & 0xff) === shortMainData) {
    const middle = words[at + 7] ?? 0
    const high = (middle >>> 16) | ((words[at + 8] ?? 0) << 16)
    return high * 0x1_0000_0000 + (((dataHeader >>> 16) | (middle << 16)) >>> 0)
  }
  const offset = at * wordBytes
  const start = takeAcrossPage(segment, offset, offset + room * wordBytes)
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength)
  const timeOffset = mainDataOffset(view)
  if (timeOffset === undefined || timeOffset + 8 > view.byteLength) return undefined
  return view.getInt32(timeOffset + 4, true) * 0x1_0000_0000 + view.getUint32(timeOffset, true)
}

/** The start of a record, without the page header that may lie between; less of it at the end of the segment. */
function takeAcrossPage(segment: Uint8Array, offset: number, pageEnd: number): Uint8Array {
  const sizeBytes = mainDataOffsetMax + 8
  if (offset + sizeBytes <= pageEnd) return segment.subarray(offset, offset + sizeBytes)
  const nextPage = pageEnd + pageHeaderSizeBytes
  return Buffer.concat([
    segment.subarray(offset, pageEnd),
    segment.subarray(nextPage, nextPage + sizeBytes - (pageEnd - offset)),
  ])
}
