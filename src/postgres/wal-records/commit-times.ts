/**
 * The times of the commits and aborts in one segment, quickly: for the head that is stored in the clear with it.
 *
 * This runs at every push, in a process that has just been started, over up to hundreds of thousands of records. So
 * the walk counts in words of 32 bits (a typed array is several times as fast as a DataView before the compiler has
 * warmed up), looks at two words of each record, and allocates nothing for it. It trusts the segment's structure, ends
 * where that ends (after a switch, at a zero tail, at a page left over from the file's former use), and judges
 * nothing: read-events.ts is the careful reader.
 */
import { assert } from '../../base/assert.ts'
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

const wordBytes = 4
const headerWords = pageHeaderSizeBytes / wordBytes

/** Of records that begin in this segment and whose time lies in it too. Undefined when there is none. */
export function scanCommitTimes(segment: Uint8Array): CommitTimes | undefined {
  const scanner = new CommitTimesScanner()
  scanner.add(segment)
  return scanner.end()
}

/** The same, for a segment that comes in pieces of whole pages. */
export class CommitTimesScanner {
  #pageWords = 0
  #firstLsnLow = 0
  /** In words from the start of the segment: where the piece begins, and where the next record does. */
  #pieceAt = 0
  #nextAt = 0
  /** The start of a record whose time, or kind, stands in the next piece. */
  #cutOff: Uint8Array | undefined
  #isDone = false
  #count = 0
  #earliest = Infinity
  #latest = -Infinity

  add(piece: Uint8Array): void {
    const bytes = piece.byteOffset % wordBytes === 0 ? piece : piece.slice()
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.length / wordBytes))
    if (this.#pieceAt === 0) this.#begin(bytes, words)
    if (this.#isDone) return
    assert(words.length % this.#pageWords === 0, 'pieces hold whole pages')
    if (this.#cutOff) this.#finishCutOff(this.#cutOff, bytes)
    if (this.#nextAt < this.#pieceAt + words.length) this.#walk(bytes, words)
    this.#pieceAt += words.length
  }

  end(): CommitTimes | undefined {
    if (this.#count === 0) return undefined
    return {
      count: this.#count,
      earliest: microsFromPostgres(this.#earliest),
      latest: microsFromPostgres(this.#latest),
    }
  }

  #begin(bytes: Uint8Array, words: Uint32Array): void {
    const header = decodeLongPageHeader(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength))
    if (!header) {
      this.#isDone = true
      return
    }
    this.#pageWords = header.pageSizeBytes / wordBytes
    this.#firstLsnLow = words[2] ?? 0
    const continuedBytes = header.flags & pageContinuesRecord ? header.remainingBytes : 0
    this.#nextAt = advance(header.sizeBytes, aligned(continuedBytes), header.pageSizeBytes) / wordBytes
  }

  /** One loop on purpose: a call for each record would double the time that all of it takes. */
  #walk(bytes: Uint8Array, words: Uint32Array): void {
    const pageWords = this.#pageWords
    const firstLsnLow = this.#firstLsnLow + this.#pieceAt * wordBytes
    let at = this.#nextAt - this.#pieceAt
    let pageEnd = 0
    while (at < words.length) {
      if (at >= pageEnd) {
        const pageStart = at - (at % pageWords)
        if (words[pageStart + 2] !== (firstLsnLow + pageStart * wordBytes) >>> 0) return this.#stop()
        if (at === pageStart) at += headerWords
        pageEnd = pageStart + pageWords
      }
      const lengthBytes = words[at] ?? 0
      if (lengthBytes < recordHeaderSizeBytes) return this.#stop()
      const kindAt = at + 4 < pageEnd ? at + 4 : at + 4 + headerWords
      const kindWord = words[kindAt]
      if (kindWord === undefined) this.#cutOff = bytes.slice(at * wordBytes)
      else if ((kindWord & otherManagers) === 0) {
        if (isSwitch(kindWord)) return this.#stop()
        if (isTransactionEnd(kindWord)) this.#noteTime(bytes, words, at, pageEnd)
      }
      const next = at + ((lengthBytes + 7) >>> 3) * 2
      at = next < pageEnd ? next : skipToNextPages(next - pageEnd, pageEnd, pageWords)
    }
    this.#nextAt = this.#pieceAt + at
  }

  /** The time stands first in the main data; the record may go on over the next page, or the next piece. */
  #noteTime(bytes: Uint8Array, words: Uint32Array, at: number, pageEnd: number): void {
    const dataHeader = words[at + 6] ?? 0
    if (at + 8 < pageEnd && (dataHeader & 0xff) === shortMainData) {
      const middle = words[at + 7] ?? 0
      const high = (middle >>> 16) | ((words[at + 8] ?? 0) << 16)
      this.#note(high * 0x1_0000_0000 + (((dataHeader >>> 16) | (middle << 16)) >>> 0))
      return
    }
    const start = takeAcrossPage(bytes, at * wordBytes, pageEnd * wordBytes)
    const time = timeIn(start)
    if (time !== undefined) this.#note(time)
    else if (pageEnd === words.length) this.#cutOff = start.slice()
  }

  #finishCutOff(start: Uint8Array, piece: Uint8Array): void {
    this.#cutOff = undefined
    const record = Buffer.concat([
      start,
      piece.subarray(pageHeaderSizeBytes, pageHeaderSizeBytes + startSizeBytesMax),
    ])
    const kindWord = record.readUInt32LE(16)
    const time = isTransactionEnd(kindWord) ? timeIn(record) : undefined
    if (time !== undefined) this.#note(time)
    if (isSwitch(kindWord)) this.#stop()
  }

  #note(time: number): void {
    this.#count++
    if (time < this.#earliest) this.#earliest = time
    if (time > this.#latest) this.#latest = time
  }

  #stop(): void {
    this.#isDone = true
  }
}

/** A record goes on for `beyondWords` after the end of a page; the next one begins where, all headers passed over. */
function skipToNextPages(beyondWords: number, pageEnd: number, pageWords: number): number {
  const payloadWords = pageWords - headerWords
  const pages = Math.floor(beyondWords / payloadWords)
  return pageEnd + pages * pageWords + headerWords + (beyondWords - pages * payloadWords)
}

/** So much of a record is enough to find its time. */
const startSizeBytesMax = mainDataOffsetMax + 8

/** Counted from 2000, as PostgreSQL does. */
function timeIn(start: Uint8Array): number | undefined {
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength)
  const at = mainDataOffset(view)
  if (at === undefined || at + 8 > view.byteLength) return undefined
  return view.getInt32(at + 4, true) * 0x1_0000_0000 + view.getUint32(at, true)
}

/** The start of a record, without the page header that may lie between; less of it at the end of the piece. */
function takeAcrossPage(bytes: Uint8Array, offset: number, pageEnd: number): Uint8Array {
  if (offset + startSizeBytesMax <= pageEnd) return bytes.subarray(offset, offset + startSizeBytesMax)
  const nextPage = pageEnd + pageHeaderSizeBytes
  const rest = startSizeBytesMax - (pageEnd - offset)
  return Buffer.concat([bytes.subarray(offset, pageEnd), bytes.subarray(nextPage, nextPage + rest)])
}
