/**
 * How much of the WAL a target needs, as far as that can be told from the backups alone: what begins after the target
 * can not lead to it, and what lies beyond it need not be looked at.
 */
import { formatLsn } from '../wal/lsn.ts'
import { formatMicros } from '../wal/time.ts'
import type { BackupFacts } from './backup-facts.ts'
import { ownSegments, type Way } from './candidates.ts'
import type { RecoveryTarget } from './recovery-target.ts'
import { passesThrough } from './timeline-path.ts'

/** A clause whose subject is the backup; undefined when it may lead to the target. */
export function whyTooLate(target: RecoveryTarget, backup: BackupFacts): string | undefined {
  if (target.kind === 'time' && target.time < backup.startedAt)
    return `began at ${formatMicros(backup.startedAt)}, after the target`
  if (target.kind === 'lsn' && target.lsn < backup.stopLsn)
    return `is consistent only from ${formatLsn(backup.stopLsn)} on, after the target`
  return undefined
}

/**
 * The number of the segment up to which the target is expected. Undefined when nothing less than the end of the WAL will
 * do; and it may lie further on all the same: where nothing was written for long, or by clocks that differ.
 */
export function horizonOf(
  target: RecoveryTarget,
  { backup, path }: Way,
  backups: readonly BackupFacts[],
  segmentSizeBytes: number,
): bigint | undefined {
  const own = ownSegments(backup, segmentSizeBytes).last
  if (target.kind === 'immediate') return own
  // The record at the LSN may begin in the next segment.
  if (target.kind === 'lsn') return maxOf(own, target.lsn / BigInt(segmentSizeBytes) + 1n)
  if (target.kind !== 'time') return undefined
  const later = backups
    .filter(other => other.startedAt > target.time && passesThrough(path, other.timeline, other.startLsn))
    .map(other => ownSegments(other, segmentSizeBytes).last)
    .filter(number => number > own)
  return later.length === 0 ? undefined : later.reduce(minOf)
}

const maxOf = (a: bigint, b: bigint): bigint => (a > b ? a : b)
const minOf = (a: bigint, b: bigint): bigint => (a < b ? a : b)
