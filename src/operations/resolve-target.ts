/**
 * Makes the plan of a restore: chooses the backup, finds where recovery will stop, and proves that everything up to
 * there is in the repository. Writes nothing. A target that can not be reached is refused with the nearest that can.
 */
import { Fault } from '../base/fault.ts'
import type { Candidate } from '../policy/candidates.ts'
import { describeTarget, type RecoveryTarget } from '../policy/recovery-target.ts'
import { planOf, type RestorePlan } from '../policy/restore-plan.ts'
import { newerOfUnknownOrigin, type TimelinePath } from '../policy/timeline-path.ts'
import type { BackupSummary } from '../repository/format/backup-summary.ts'
import type { WalStore } from '../repository/wal-store.ts'
import { historyName } from '../wal/segment.ts'
import { openArchiveView, type ArchiveView } from './archive-view.ts'
import { noteLeftTimelines } from './resolve-target/left-timelines.ts'
import { chooseFromAll, chooseNearby } from './resolve-target/choose.ts'
import type { PlanRequest } from './resolve-target/plan-request.ts'
import { factsOf } from './wal-archive.ts'
import { openWalLookup, type WalLookup } from './wal-lookup.ts'

export interface PlanDeps {
  /** All of the cluster's backups, as the catalogue lists them. */
  readonly backups: readonly BackupSummary[]
  /** With an identity, targets are resolved to the record; without one, to the segment where that is possible. */
  readonly wal: Pick<WalStore, 'get' | 'head' | 'list' | 'survey'>
  readonly walSegmentSizeBytes: number
}

/** TARGET_UNREACHABLE, BACKUP_NOT_FOUND, or KEY_MISSING when the target can be found only in the records themselves. */
export async function planRestore(
  deps: PlanDeps,
  request: PlanRequest,
  signal: AbortSignal,
): Promise<RestorePlan> {
  const { target } = request
  const segmentSizeBytes = deps.walSegmentSizeBytes
  const backups = deps.backups.map(factsOf)
  if (request.backupId !== undefined && !backups.some(({ id }) => id === request.backupId))
    throw notFound(request.backupId)
  // A timeline whose history is damaged is as one whose history is missing: what does not need it goes on.
  const view = await openArchiveView(deps.wal, segmentSizeBytes, signal, { passOver: ['OBJECT_CORRUPT'] })
  const lookup = openWalLookup(deps.wal, segmentSizeBytes, signal)
  const planning = { request, backups, view, lookup, segmentSizeBytes }
  const chosen = (await chooseNearby(planning)) ?? (await chooseFromAll(planning))
  const { candidate, answer, rejected } = chosen
  const notes = [...answer.notes, ...(await timelinesLeft(request, candidate, view, lookup))]
  const isNamed = request.backupId !== undefined
  const parts = { target, isNamed, candidate, stop: answer.stop, rejected, notes }
  return withoutDamage(planOf(parts, view.archive()), lookup)
}

/** What was found damaged on the way matters where the plan needs it. */
function withoutDamage(plan: RestorePlan, { damaged }: WalLookup): RestorePlan {
  const { segments, partial } = plan.wal
  const needed = [...segments, ...(partial === undefined ? [] : [partial])]
  const fault = needed.map(name => damaged.get(name)).find(found => found !== undefined)
  if (fault) throw fault
  const notes = [...damaged.keys()].map(
    name => `WAL segment ${name} is damaged; this target does not need it.`,
  )
  return { ...plan, reasons: [...plan.reasons, ...notes] }
}

/** Who names a timeline knows about the others. */
async function timelinesLeft(
  { target, timeline }: PlanRequest,
  { path }: Candidate,
  view: ArchiveView,
  lookup: WalLookup,
): Promise<readonly string[]> {
  if (timeline !== 'latest') return []
  const unknown = newerOfUnknownOrigin(view.archive(), path)
  if (unknown[0] !== undefined && target.kind === 'latest') throw endUnknown(target, path, unknown[0])
  const notes = unknown.map(
    newer =>
      `${withoutHistory(newer)}: what is on it is not brought back, whether it goes on from here or not.`,
  )
  if (target.kind !== 'time') return notes
  return [...notes, ...(await noteLeftTimelines(path, target.time, view, lookup))]
}

const withoutHistory = (timeline: number): string =>
  `Timeline ${String(timeline)} is stored without its history file ${historyName(timeline)}, or with a damaged one`

/** The end of an older timeline is not the latest point when a newer one may go on from there. */
function endUnknown(target: RecoveryTarget, path: TimelinePath, newer: number): Fault {
  const why = `timeline ${String(newer)} may go on from here, and its history file ${historyName(newer)} is missing or damaged`
  return new Fault('TARGET_UNREACHABLE', `it can not be told where ${describeTarget(target)} is: ${why}`, {
    hint:
      `Push ${historyName(newer)} again, from pg_wal of a server that has it; ` +
      `or follow what is known: --timeline ${String(path.at(-1)?.timeline ?? 1)}.`,
  })
}

function notFound(id: string): Fault {
  return new Fault('BACKUP_NOT_FOUND', `there is no backup ${id}`, {
    hint: 'Run `holdfast list` to see the ids.',
  })
}
