/**
 * The plan of a restore: which backup, which WAL, and where recovery will stop. Made before anything is written, and
 * carried out as it stands; what it names has been seen in the repository.
 */
import type { TransactionEnd } from '../wal/events.ts'
import { formatLsn, type Lsn } from '../wal/lsn.ts'
import { historyName, segmentAt } from '../wal/segment.ts'
import type { Archive } from './archive.ts'
import type { BackupFacts } from './backup-facts.ts'
import type { Candidate, Rejected } from './candidates.ts'
import type { RecoveryTarget } from './recovery-target.ts'
import { nameOnPath, timelineOf, type TimelinePath } from './timeline-path.ts'

export interface RestorePlan {
  readonly target: RecoveryTarget
  /** The full backup first, the chosen one last. */
  readonly chain: readonly BackupFacts[]
  readonly backup: BackupFacts
  /** For `recovery_target_timeline`. */
  readonly timeline: number
  readonly path: TimelinePath
  readonly stop: StoppingPoint
  readonly wal: PlannedWal
  /** Sentences for people: why this backup, what was passed over, what is not certain. */
  readonly reasons: readonly string[]
}

export interface StoppingPoint {
  /** Before or after the record at `lsn`; at the end of what is archived; or as soon as the backup is consistent. */
  readonly where: 'before' | 'after' | 'end' | 'consistent'
  /** Whether the record itself was read (that takes a key); else only its segment is known, and `lsn` is its start. */
  readonly isExact: boolean
  readonly lsn: Lsn
  /** The segment in which PostgreSQL stops. */
  readonly segment: bigint
  /** The last transaction that is brought back, when it was looked up. */
  readonly last: TransactionEnd | undefined
}

export interface PlannedWal {
  /** Names, in the order of replay. */
  readonly segments: readonly string[]
  /** The end of a timeline that was left in the middle of a segment; `wal get` has to be told to take it. */
  readonly partial: string | undefined
  readonly histories: readonly string[]
  /** For `wal get --require-through`: everything up to here is present now, so that it can not be missing later. */
  readonly requireThrough: string
  readonly storedBytes: number
  readonly rawBytes: number
}

export interface PlanParts {
  readonly target: RecoveryTarget
  /** The backup was asked for by its id. */
  readonly isNamed: boolean
  readonly candidate: Candidate
  readonly stop: StoppingPoint
  readonly rejected: readonly Rejected[]
  readonly notes: readonly string[]
}

export function planOf(parts: PlanParts, archive: Archive): RestorePlan {
  const { target, candidate, stop, rejected, notes } = parts
  const { backup, chain, path } = candidate
  return {
    target,
    chain,
    backup,
    timeline: path.at(-1)?.timeline ?? backup.timeline,
    path,
    stop,
    wal: plannedWal(candidate, stop, archive),
    reasons: [reasonFor(parts), ...rejected.map(({ id, why }) => `Backup ${id} ${why}.`), ...notes],
  }
}

function reasonFor({ isNamed, candidate: { backup } }: PlanParts): string {
  const consistent = `consistent at ${formatLsn(backup.stopLsn)}`
  if (isNamed) return `Backup ${backup.id} was asked for; it is ${consistent}.`
  return `Backup ${backup.id} is the latest that leads to the target; it is ${consistent}.`
}

function plannedWal({ backup, path, reach }: Candidate, stop: StoppingPoint, archive: Archive): PlannedWal {
  const { segmentSizeBytes, timelines } = archive
  const { number: first } = segmentAt(backup.timeline, backup.startLsn, segmentSizeBytes)
  const usesPartial = stop.segment === reach.partial
  const last = usesPartial ? stop.segment - 1n : stop.segment
  const numbers = Array.from({ length: Number(last - first) + 1 }, (_, i) => first + BigInt(i))
  const sizeOf = (number: bigint): number =>
    timelines.get(timelineOf(path, number, segmentSizeBytes))?.sizes.get(number) ?? 0
  const partialOf = usesPartial ? timelines.get(timelineOf(path, stop.segment, segmentSizeBytes)) : undefined
  return {
    segments: numbers.map(number => nameOnPath(path, number, segmentSizeBytes)),
    partial: usesPartial ? `${nameOnPath(path, stop.segment, segmentSizeBytes)}.partial` : undefined,
    histories: path
      .filter(({ timeline }) => timelines.get(timeline)?.history)
      .map(({ timeline }) => historyName(timeline)),
    requireThrough: nameOnPath(path, last, segmentSizeBytes),
    storedBytes: numbers.reduce(
      (sum, number) => sum + sizeOf(number),
      partialOf?.partials.get(stop.segment) ?? 0,
    ),
    rawBytes: (numbers.length + (usesPartial ? 1 : 0)) * segmentSizeBytes,
  }
}
