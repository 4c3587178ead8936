/**
 * Names of WAL files.
 *
 * A *segment* is one file of the log (16 MiB unless the cluster was made with another size); its name is 24
 * hexadecimal digits: timeline, and the segment's number in two parts. See XLogFileName in
 * src/include/access/xlog_internal.h.
 */
import type { Lsn } from './lsn.ts'

export interface SegmentPosition {
  readonly timeline: number
  /** Counts segments from LSN 0. */
  readonly number: bigint
}

/** What a file of pg_wal is, by its name alone. */
export type WalFile =
  | { readonly kind: 'segment'; readonly name: string; readonly timeline: number }
  /** The last, unfinished segment of a timeline that ended: `<segment>.partial`. */
  | { readonly kind: 'partial'; readonly name: string; readonly timeline: number }
  /** Where a backup began and ended: `<segment>.<offset>.backup`. */
  | { readonly kind: 'backup'; readonly name: string; readonly timeline: number }
  /** `<timeline>.history`. */
  | { readonly kind: 'history'; readonly name: string; readonly timeline: number }

export function classifyWalFile(name: string): WalFile | undefined {
  const timeline = Number.parseInt(name.slice(0, 8), 16)
  if (/^[0-9A-F]{24}$/.test(name)) return { kind: 'segment', name, timeline }
  if (/^[0-9A-F]{24}\.partial$/.test(name)) return { kind: 'partial', name, timeline }
  if (/^[0-9A-F]{24}\.[0-9A-F]{8}\.backup$/.test(name)) return { kind: 'backup', name, timeline }
  if (/^[0-9A-F]{8}\.history$/.test(name)) return { kind: 'history', name, timeline }
  return undefined
}

export function segmentName({ timeline, number }: SegmentPosition, segmentSizeBytes: number): string {
  // The name counts segments within 4 GiB files, a leftover of when LSNs were two 32-bit words.
  const perFile = 0x1_0000_0000n / BigInt(segmentSizeBytes)
  return [BigInt(timeline), number / perFile, number % perFile].map(eightDigits).join('')
}

/** `name` must be a segment's name (the first 24 digits of `.partial` and `.backup` names are, too). */
export function parseSegmentName(name: string, segmentSizeBytes: number): SegmentPosition {
  const part = (index: number): bigint => BigInt(`0x${name.slice(index * 8, index * 8 + 8)}`)
  const perFile = 0x1_0000_0000n / BigInt(segmentSizeBytes)
  return { timeline: Number(part(0)), number: part(1) * perFile + part(2) }
}

/** The segment that holds the byte at `lsn`. */
export function segmentAt(timeline: number, lsn: Lsn, segmentSizeBytes: number): SegmentPosition {
  return { timeline, number: lsn / BigInt(segmentSizeBytes) }
}

/** The segment that holds the last byte before `lsn` (where a backup that stops at `lsn` ends). */
export function segmentBefore(timeline: number, lsn: Lsn, segmentSizeBytes: number): SegmentPosition {
  return { timeline, number: (lsn - 1n) / BigInt(segmentSizeBytes) }
}

export function segmentStartLsn(position: SegmentPosition, segmentSizeBytes: number): Lsn {
  return position.number * BigInt(segmentSizeBytes)
}

export function historyName(timeline: number): string {
  return `${eightDigits(BigInt(timeline))}.history`
}

const eightDigits = (n: bigint): string => n.toString(16).toUpperCase().padStart(8, '0')
