/**
 * Where a recovery to a time stops: before the first commit or abort that is later. The heads of the segments say in
 * which segment that is, without a key; the records then say exactly which one it is.
 */
import type { Candidate } from '../../policy/candidates.ts'
import { whyTooLate } from '../../policy/horizon.ts'
import type { StoppingPoint } from '../../policy/restore-plan.ts'
import { segmentStartLsn } from '../../wal/segment.ts'
import { formatMicros, type Micros } from '../../wal/time.ts'
import { unlessSealed } from '../wal-lookup.ts'
import type { Answer, NotReached, ResolveContext, Resolver } from './answer.ts'
import { lastTransactionBefore, maxOf, nearestOf, placeOf, rangeOf, seek, segmentOfEnd } from './segments.ts'

export interface TimeTarget {
  readonly time: Micros
  readonly inclusive: boolean
}

export function resolveTime(context: ResolveContext, target: TimeTarget): Resolver {
  return async candidate => {
    const { backup } = candidate
    const late = whyTooLate(context.target, backup)
    if (late !== undefined) return tooLate(late)
    // By its end all that the backup holds is over; before that, what ended while it was made decides.
    const isAfterBackup = target.time >= backup.endedAt
    const { first, consistent, last } = rangeOf(candidate, context.segmentSizeBytes)
    const segment = await firstSegmentWithLater(
      context,
      candidate,
      target,
      isAfterBackup ? consistent : first,
      last,
    )
    if (segment === undefined) {
      return {
        why: 'has no transaction after the target in its WAL',
        side: 'ends before',
        nearest: await nearestOf(context, candidate),
      }
    }
    const exact = await unlessSealed(() => resolveRecord(context, candidate, segment))
    if (exact) return exact
    if (!isAfterBackup) return tooLate(`ended at ${formatMicros(backup.endedAt)}, after the target`)
    return { stop: inSegment(segment, context.segmentSizeBytes), notes: [notExact] }
  }
}

/** Of the segments up to `last`, the first in which a transaction ended that recovery must not bring back. */
async function firstSegmentWithLater(
  { lookup }: ResolveContext,
  candidate: Candidate,
  target: TimeTarget,
  from: bigint,
  last: bigint,
): Promise<bigint | undefined> {
  let found: bigint | undefined
  for (let [low, high] = [from, last]; low <= high;) {
    const middle = (low + high) / 2n
    const judged = await nearestWithCommits(middle, low)
    if (judged && isLater(judged.latest, target)) {
      found = judged.number
      high = judged.number - 1n
    } else {
      low = middle + 1n
    }
  }
  return found

  async function nearestWithCommits(
    start: bigint,
    least: bigint,
  ): Promise<{ number: bigint; latest: Micros } | undefined> {
    for (let number = start; number >= least; number--) {
      const span = await lookup.commitsIn(placeOf(candidate, number))
      if (span) return { number, latest: span.latest }
    }
    return undefined
  }
}

async function resolveRecord(
  context: ResolveContext,
  candidate: Candidate,
  segment: bigint,
): Promise<Answer> {
  const { first, last } = rangeOf(candidate, context.segmentSizeBytes)
  // A record that begins at the very end of a segment shows its time only in the next one.
  const { stop, end } = await seek(context, candidate, maxOf(first, segment - 1n), last)
  if (!stop) {
    const why = `can not be replayed to the target: ${end?.trouble ?? 'the record that its WAL should hold is not there'}`
    return { why, side: 'ends before', nearest: await nearestOf(context, candidate) }
  }
  const { startLsn } = stop.record
  if (startLsn < candidate.backup.stopLsn) return tooLate('holds transactions that ended after the target')
  const number = segmentOfEnd(stop.record, context.segmentSizeBytes)
  const transaction = stop.last ?? (await lastTransactionBefore(context, candidate, startLsn, number))
  return {
    stop: { where: 'before', isExact: true, lsn: startLsn, segment: number, last: transaction },
    notes: [],
  }
}

function inSegment(segment: bigint, segmentSizeBytes: number): StoppingPoint {
  const lsn = segmentStartLsn({ timeline: 0, number: segment }, segmentSizeBytes)
  return { where: 'before', isExact: false, lsn, segment, last: undefined }
}

const notExact =
  'Without a key the target is known to its segment; the exact transaction is found when the WAL can be opened.'

const isLater = (time: Micros, target: TimeTarget): boolean =>
  target.inclusive ? time > target.time : time >= target.time

const tooLate = (why: string): NotReached => ({ why, side: 'too late' })
