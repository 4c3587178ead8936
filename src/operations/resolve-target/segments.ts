/** The segments that a candidate leads through, and what can be found in them. */
import type { Candidate } from '../../policy/candidates.ts'
import { isTransactionEnd, stoppingRule, type Stop } from '../../policy/stopping-rule.ts'
import { nameOnPath } from '../../policy/timeline-path.ts'
import { limits } from '../../base/limits.ts'
import type { EndOfReading, ReadEvent, RecordPlace, TransactionEnd } from '../../wal/events.ts'
import type { Lsn } from '../../wal/lsn.ts'
import { segmentAt, segmentBefore } from '../../wal/segment.ts'
import type { Micros } from '../../wal/time.ts'
import { unlessSealed, type SegmentOnPath } from '../wal-lookup.ts'
import type { NearestBefore, ResolveContext } from './answer.ts'

/** Numbers of the first segment, of the one in which the backup becomes consistent, and of the last that can be read. */
export interface SegmentRange {
  readonly first: bigint
  readonly consistent: bigint
  readonly last: bigint
}

export function rangeOf({ backup, reach }: Candidate, segmentSizeBytes: number): SegmentRange {
  const { number: first } = segmentAt(backup.timeline, backup.startLsn, segmentSizeBytes)
  const { number: consistent } = segmentBefore(backup.timeline, backup.stopLsn, segmentSizeBytes)
  return { first, consistent, last: reach.partial ?? reach.last ?? consistent }
}

export function placeOf({ path, reach }: Candidate, number: bigint): SegmentOnPath {
  return { path, number, isPartial: number === reach.partial }
}

/** From one segment up to another, both included. */
export function* placesOf(candidate: Candidate, from: bigint, to: bigint): Iterable<SegmentOnPath> {
  for (let number = from; number <= to; number++) yield placeOf(candidate, number)
}

export interface Sought {
  /** Undefined when recovery would not stop in these segments. */
  readonly stop: Stop | undefined
  readonly end: EndOfReading | undefined
}

/** Reads records from one segment on until recovery would stop. */
export async function seek(
  { target, lookup }: ResolveContext,
  candidate: Candidate,
  from: bigint,
  to: bigint,
): Promise<Sought> {
  const rule = stoppingRule(target)
  const watchLsn = target.kind === 'lsn' ? target.lsn : undefined
  for await (const event of lookup.events(placesOf(candidate, from, to), watchLsn)) {
    // The first segment also holds what was before the backup; replay begins at the backup's start.
    if (event.kind !== 'end' && event.startLsn < candidate.backup.startLsn) continue
    const stop = rule(event)
    if (stop) return { stop, end: undefined }
    if (event.kind === 'end') return { stop: undefined, end: event }
  }
  return { stop: undefined, end: undefined }
}

/** The last transaction that ended in a record before `lsn`, looked for from segment `number` backwards. */
export async function lastTransactionBefore(
  { lookup, segmentSizeBytes }: ResolveContext,
  candidate: Candidate,
  lsn: Lsn,
  number: bigint,
): Promise<TransactionEnd | undefined> {
  const { first, last } = rangeOf(candidate, segmentSizeBytes)
  const least = maxOf(first, number - BigInt(limits.walLookBackSegmentsMax))
  for (let at = number; at >= least; at--) {
    if (!(await lookup.commitsIn(placeOf(candidate, at)))) continue
    let found: TransactionEnd | undefined
    // A record that begins at the end of a segment ends in the next one.
    for await (const event of lookup.events(placesOf(candidate, at, at < last ? at + 1n : at))) {
      if (event.kind === 'end' || event.startLsn >= lsn) break
      if (isTransactionEnd(event)) found = event
    }
    if (found) return found
  }
  return undefined
}

/** The end of what a candidate leads to: from the heads, and with a key from the records. */
export async function nearestOf(context: ResolveContext, candidate: Candidate): Promise<NearestBefore> {
  const { segmentSizeBytes } = context
  const { gapAt } = candidate.reach
  return {
    endLsn: candidate.reach.endLsn,
    lastCommit: await lastCommitTime(context, candidate),
    lastRecordLsn: (await unlessSealed(() => lastWholeRecord(context, candidate)))?.startLsn,
    gapAt: gapAt === undefined ? undefined : nameOnPath(candidate.path, gapAt, segmentSizeBytes),
  }
}

async function lastCommitTime(
  { lookup, segmentSizeBytes }: ResolveContext,
  candidate: Candidate,
): Promise<Micros | undefined> {
  const { first, last } = rangeOf(candidate, segmentSizeBytes)
  for (let at = last; at >= first; at--) {
    const span = await lookup.commitsIn(placeOf(candidate, at))
    if (span) return span.latest
  }
  return undefined
}

/** The last record that is there to its end. A large one may begin, or be cut off, several segments back. */
export async function lastWholeRecord(
  { lookup, segmentSizeBytes }: ResolveContext,
  candidate: Candidate,
): Promise<RecordPlace | undefined> {
  const { first, last } = rangeOf(candidate, segmentSizeBytes)
  for (let back = 0n; ; back = back * 2n + 1n) {
    const from = maxOf(first, last - back)
    const end = await endOf(lookup.events(placesOf(candidate, from, last)))
    if (end?.lastRecord || from === first || back > limits.walLookBackSegmentsMax) return end?.lastRecord
  }
}

async function endOf(events: AsyncIterable<ReadEvent>): Promise<EndOfReading | undefined> {
  for await (const event of events) {
    if (event.kind === 'end') return event
  }
  return undefined
}

/** PostgreSQL has to read the whole record to stop before or after it: the segment in which it ends must be there. */
export function segmentOfEnd({ endLsn }: RecordPlace, segmentSizeBytes: number): bigint {
  return (endLsn - 1n) / BigInt(segmentSizeBytes)
}

export const maxOf = (a: bigint, b: bigint): bigint => (a > b ? a : b)
export const minOf = (a: bigint, b: bigint): bigint => (a < b ? a : b)
