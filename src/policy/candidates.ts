/** Which backups a restore can begin with, and how far each of them leads. */
import type { Lsn } from '../wal/lsn.ts'
import { formatLsn } from '../wal/lsn.ts'
import { segmentAt, segmentBefore } from '../wal/segment.ts'
import type { Archive } from './archive.ts'
import { chainOf, type BackupFacts } from './backup-facts.ts'
import type { TimelineChoice } from './recovery-target.ts'
import {
  nameOnPath,
  passesThrough,
  pathTo,
  reachFrom,
  type Reach,
  type TimelinePath,
} from './timeline-path.ts'

/** A backup with the way on from it; whether its WAL is there has not been looked at. */
export interface Way {
  readonly backup: BackupFacts
  /** The full backup first, this one last. */
  readonly chain: readonly BackupFacts[]
  readonly path: TimelinePath
}

export interface Candidate extends Way {
  /** From the backup's first segment on; at least to its last. */
  readonly reach: Reach
}

export interface Rejected {
  readonly id: string
  /** A clause without a subject: `is on timeline 1, and the way to timeline 3 left that at 0/5000000`. */
  readonly why: string
}

export interface Candidates {
  /** The ones on newer timelines first, of each timeline the latest first. */
  readonly usable: readonly Candidate[]
  readonly rejected: readonly Rejected[]
}

export interface CandidateRequest {
  readonly timeline: TimelineChoice
  /** Only this backup, and also when its pages are damaged. */
  readonly backupId?: string | undefined
}

export function candidatesFor(
  backups: readonly BackupFacts[],
  archive: Archive,
  request: CandidateRequest,
): Candidates {
  const { ways, rejected } = waysFor(backups, archive, request)
  const judged = ways.map(way => withReach(way, archive))
  const noReach = judged.filter(one => 'why' in one)
  const reasons = new Map([...rejected, ...noReach].map(one => [one.id, one]))
  return {
    usable: judged.filter(one => 'reach' in one),
    rejected: backups.flatMap(({ id }) => reasons.get(id) ?? []),
  }
}

/** The ways in the order of `Candidates`. They depend on which timelines there are, not on their segments. */
export function waysFor(
  backups: readonly BackupFacts[],
  archive: Archive,
  request: CandidateRequest,
): { readonly ways: readonly Way[]; readonly rejected: readonly Rejected[] } {
  const asked = request.backupId === undefined ? backups : backups.filter(({ id }) => id === request.backupId)
  const judged = asked.map(backup => judge(backup, backups, archive, request))
  return {
    ways: judged
      .filter(one => 'path' in one)
      .toSorted(
        (a, b) => lastTimeline(b.path) - lastTimeline(a.path) || compare(b.backup.stopLsn, a.backup.stopLsn),
      ),
    rejected: judged.filter(one => 'why' in one),
  }
}

function judge(
  backup: BackupFacts,
  backups: readonly BackupFacts[],
  archive: Archive,
  request: CandidateRequest,
): Way | Rejected {
  const { id } = backup
  const chain = chainOf(backup, backups)
  if (!chain) return { id, why: 'is based on a backup that is missing' }
  const damaged = chain.find(({ isDamaged }) => isDamaged)
  if (damaged && request.backupId === undefined) {
    return {
      id,
      why: `holds damaged pages${damaged === backup ? '' : ` of ${damaged.id}`}, and is taken only when it is named`,
    }
  }
  const path = pathFrom(backup, archive, request.timeline)
  if (typeof path === 'string') return { id, why: path }
  return { backup, chain, path }
}

export function withReach(candidate: Way, archive: Archive): Candidate | Rejected {
  const { backup, path } = candidate
  const { segmentSizeBytes } = archive
  const { first, last } = ownSegments(backup, segmentSizeBytes)
  const reach = reachFrom(archive, path, first)
  if (reach.last !== undefined && reach.last >= last) return { ...candidate, reach }
  const missing = nameOnPath(path, reach.last === undefined ? first : reach.last + 1n, segmentSizeBytes)
  return { id: backup.id, why: `needs WAL segment ${missing}, which is not in the repository` }
}

/** Those that a backup needs to be consistent. */
export function ownSegments(
  { timeline, startLsn, stopLsn }: BackupFacts,
  segmentSizeBytes: number,
): { readonly first: bigint; readonly last: bigint } {
  return {
    first: segmentAt(timeline, startLsn, segmentSizeBytes).number,
    last: segmentBefore(timeline, stopLsn, segmentSizeBytes).number,
  }
}

/** Text says why there is no such path. */
function pathFrom(backup: BackupFacts, archive: Archive, choice: TimelineChoice): TimelinePath | string {
  if (choice === 'latest') return latestPathFrom(backup, archive)
  const timeline = choice === 'current' ? backup.timeline : choice
  const path = pathTo(archive, timeline)
  if (!path) return `can not lead to timeline ${String(timeline)}, of which the repository holds nothing`
  if (passesThrough(path, backup.timeline, backup.stopLsn)) return path
  const left = path.find(span => span.timeline === backup.timeline)?.endLsn
  const where =
    left === undefined
      ? 'which is no ancestor of it'
      : `which was left for it at ${formatLsn(left)}, before the backup's end`
  return `is on timeline ${String(backup.timeline)}, ${where} (asked for: timeline ${String(timeline)})`
}

/**
 * The newest timeline that goes on from this backup and of which there is any WAL to follow. A timeline that has begun
 * but whose first segment is not archived yet leads nowhere; the WAL of the one before it does.
 */
function latestPathFrom(backup: BackupFacts, archive: Archive): TimelinePath {
  const newestFirst = [...archive.timelines.values()].reverse()
  for (const { timeline, runs } of newestFirst) {
    const path = pathTo(archive, timeline)
    if (path && runs.length > 0 && passesThrough(path, backup.timeline, backup.stopLsn)) return path
  }
  return [{ timeline: backup.timeline, beginLsn: 0n, endLsn: undefined }]
}

const lastTimeline = (path: TimelinePath): number => path.at(-1)?.timeline ?? 0
const compare = (a: Lsn, b: Lsn): number => (a < b ? -1 : a > b ? 1 : 0)
