/**
 * Pages of a WAL segment: what stands at their beginnings, and how records lie over them.
 *
 * A segment is cut into pages (8 KiB unless the server was built otherwise). Each begins with a header of 24 bytes,
 * the first of a segment with one of 40. Records begin at multiples of 8, and go on over as many pages as they need,
 * with the headers between. See XLogPageHeaderData in src/include/access/xlog_internal.h; the layout is the same in
 * PostgreSQL 14 to 18, only the magic number tells the versions apart. Numbers are in the byte order of the host,
 * and PostgreSQL does not read the WAL of another: little endian, as all machines that Holdfast runs on.
 */
import { formatLsn, type Lsn } from '../../wal/lsn.ts'

/** The versions of PostgreSQL by the magic number of their WAL. */
const majorByMagic: Readonly<Record<number, number>> = {
  0xd10d: 14,
  0xd110: 15,
  0xd113: 16,
  0xd116: 17,
  0xd118: 18,
}

export const pageHeaderSizeBytes = 24
export const longPageHeaderSizeBytes = 40

/** The page begins with the rest of a record that began on an earlier one. */
export const pageContinuesRecord = 0x0001
const pageHasLongHeader = 0x0002
/** The record that the page before began was never finished (a crash): it is to be forgotten. */
export const pageForgetsRecord = 0x0008

export interface PageHeader {
  readonly postgresMajor: number
  readonly flags: number
  readonly timeline: number
  readonly lsn: Lsn
  /** How many bytes of the record that goes on here are still to come. */
  readonly remainingBytes: number
  readonly sizeBytes: number
}

/** What only the first page of a segment tells. */
export interface LongPageHeader extends PageHeader {
  readonly systemIdentifier: string
  readonly segmentSizeBytes: number
  readonly pageSizeBytes: number
}

/** Undefined when no version of PostgreSQL that we know wrote these bytes. */
export function decodePageHeader(view: DataView, offset: number): PageHeader | undefined {
  if (offset + pageHeaderSizeBytes > view.byteLength) return undefined
  const postgresMajor = majorByMagic[view.getUint16(offset, true)]
  if (postgresMajor === undefined) return undefined
  const flags = view.getUint16(offset + 2, true)
  return {
    postgresMajor,
    flags,
    timeline: view.getUint32(offset + 4, true),
    lsn: view.getBigUint64(offset + 8, true),
    remainingBytes: view.getUint32(offset + 16, true),
    sizeBytes: flags & pageHasLongHeader ? longPageHeaderSizeBytes : pageHeaderSizeBytes,
  }
}

export function decodeLongPageHeader(view: DataView): LongPageHeader | undefined {
  const header = decodePageHeader(view, 0)
  if (header?.sizeBytes !== longPageHeaderSizeBytes || view.byteLength < longPageHeaderSizeBytes)
    return undefined
  return {
    ...header,
    systemIdentifier: view.getBigUint64(24, true).toString(),
    segmentSizeBytes: view.getUint32(32, true),
    pageSizeBytes: view.getUint32(36, true),
  }
}

/** For messages: what a page header says it is. */
export function describePage({ timeline, lsn }: PageHeader): string {
  return `timeline ${String(timeline)}, LSN ${formatLsn(lsn)}`
}

/**
 * Where one is in a segment after `bytes` more of records, when `offset` is within a page: the headers between are
 * passed over. At the very end of a page the answer is after the header of the next.
 */
export function advance(offset: number, bytes: number, pageSizeBytes: number): number {
  const room = pageSizeBytes - (offset % pageSizeBytes)
  if (bytes < room) return offset + bytes
  const payload = pageSizeBytes - pageHeaderSizeBytes
  const beyond = bytes - room
  const pages = Math.floor(beyond / payload)
  return offset + room + pages * pageSizeBytes + pageHeaderSizeBytes + (beyond - pages * payload)
}

/** Records begin at multiples of 8. */
export const aligned = (bytes: number): number => Math.ceil(bytes / 8) * 8
