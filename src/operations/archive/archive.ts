/**
 * `archive`: carries out the rules of the archive, or archives what was named. A pure plan says what goes there and why; this
 * reads what the plan needs to know, and copies. Running it again has nothing to do, or goes on where it was cut off.
 */
import { isFault } from '../../base/fault.ts'
import type { Log } from '../../base/log.ts'
import type { KeepSpan } from '../../base/units.ts'
import {
  planArchived,
  planArchiving,
  planOne,
  type Archived,
  type ArchiveCandidate,
  type ArchivedVerdict,
  type ArchiveRule,
  type ArchiveVerdict,
} from '../../policy/archiving.ts'
import { scanCatalog } from '../../repository/catalog.ts'
import { scanDumps } from '../../repository/dump-catalog.ts'
import type { Repository } from '../../repository/repository.ts'
import { archiveJobs, type ArchiveRun } from './archive-jobs.ts'
import { readArchived } from './read-archived.ts'
import { openBackups, openDumps, type OpenShelf } from './shelves.ts'

export interface ArchiveDeps extends ArchiveRun {
  readonly log: Log
}

export type ArchiveOrder =
  | { readonly kind: 'rule'; readonly rule: ArchiveRule; readonly of: 'backups' | 'dumps' }
  | { readonly kind: 'one'; readonly id: string; readonly keep: KeepSpan; readonly timeZone: string }

export interface ArchiveReport {
  /** Undefined: by hand. */
  readonly rule: string | undefined
  readonly isDryRun: boolean
  readonly verdicts: readonly ArchiveVerdict[]
  /** What was copied; nothing of a dry run. */
  readonly objects: number
  readonly bytes: number
  readonly problems: readonly ArchiveProblem[]
}

export interface ArchiveProblem {
  readonly id: string
  readonly code: string
  readonly message: string
}

/** What lies in the archive, and until when. */
export interface ArchiveContents {
  readonly items: readonly ArchivedItem[]
  readonly archived: readonly Archived[]
  readonly verdicts: readonly ArchivedVerdict[]
}

export interface ArchivedItem {
  readonly id: string
  readonly endedAt: string
  readonly storedBytes: number
}

export async function readArchiveContents(
  archive: Repository,
  nowMs: number,
  signal: AbortSignal,
): Promise<ArchiveContents> {
  const [{ backups }, { dumps }] = await Promise.all([
    scanCatalog(archive, signal),
    scanDumps(archive, signal),
  ])
  const commits = [...backups, ...dumps]
  const archived = await readArchived(archive, commits, signal)
  return {
    items: commits.map(({ id, endedAt, sizes }) => ({ id, endedAt, storedBytes: sizes.storedBytes })),
    archived,
    verdicts: planArchived(archived, nowMs),
  }
}

export async function carryOutArchive(
  deps: ArchiveDeps,
  order: ArchiveOrder,
  { dryRun }: { readonly dryRun: boolean },
  signal: AbortSignal,
): Promise<ArchiveReport> {
  const { repository } = deps.inside
  deps.progress.phase('looking at the archive')
  const { archived } = await readArchiveContents(deps.inside.archive, deps.world.clock.now(), signal)
  const isOfDumps = order.kind === 'rule' ? order.of === 'dumps' : order.id.endsWith('-dump')
  const shelf = await (isOfDumps ? openDumps : openBackups)(repository, signal)
  const verdicts = await decide(deps, order, shelf, archived, signal)
  const rule = order.kind === 'rule' ? order.rule.name : undefined
  const report = { rule, isDryRun: dryRun, verdicts, objects: 0, bytes: 0, problems: [] }
  return dryRun ? report : copyAll(deps, report, shelf, signal)
}

/** Only of what is chosen is it looked whether its WAL is there: where it lacks, the next one is chosen. */
async function decide(
  deps: ArchiveDeps,
  order: ArchiveOrder,
  shelf: OpenShelf,
  archived: readonly Archived[],
  signal: AbortSignal,
): Promise<readonly ArchiveVerdict[]> {
  const there = new Set(archived.map(({ id }) => id))
  const lacks = new Map<string, string>()
  for (;;) {
    const candidates = shelf.candidates.map(candidate => ({
      ...candidate,
      obstacle: candidate.obstacle ?? lacks.get(candidate.id),
    }))
    const verdicts = verdictsFor(order, candidates, archived, deps.world.clock.now())
    const unproven = verdicts.filter(({ id, what }) => what === 'archive' && !there.has(id))
    const before = lacks.size
    for (const { id } of unproven) {
      const lack = await shelf.lackOf(id, signal)
      if (lack !== undefined) lacks.set(id, lack)
    }
    if (lacks.size === before) return verdicts
  }
}

function verdictsFor(
  order: ArchiveOrder,
  candidates: readonly ArchiveCandidate[],
  archived: readonly Archived[],
  nowMs: number,
): readonly ArchiveVerdict[] {
  if (order.kind === 'rule') return planArchiving(order.rule, candidates, archived, nowMs)
  const found = candidates.find(({ id }) => id === order.id)
  return found ? [planOne(found, order.keep, order.timeZone)] : []
}

/** One that fails does not keep the others from being archived. */
async function copyAll(
  deps: ArchiveDeps,
  report: ArchiveReport,
  shelf: OpenShelf,
  signal: AbortSignal,
): Promise<ArchiveReport> {
  const problems: ArchiveProblem[] = []
  let [objects, bytes] = [0, 0]
  for (const { id, untilMs, reason } of report.verdicts.filter(({ what }) => what === 'archive')) {
    try {
      const wish = { id, rule: report.rule, untilMs, reason }
      const tally = await archiveJobs(deps, stop => shelf.jobs(deps.inside, id, stop), wish, signal)
      objects += tally.objects
      bytes += tally.bytes
      deps.log.info('archive.finished', {
        id,
        rule: report.rule ?? '',
        objects: tally.objects,
        bytes: tally.bytes,
      })
    } catch (error) {
      signal.throwIfAborted()
      if (!isFault(error, ...ofOne)) throw error
      problems.push({ id, code: error.code, message: error.message })
    }
  }
  return { ...report, objects, bytes, problems }
}

/** Faults of one backup, or of the moment. */
const ofOne = [
  'OBJECT_CORRUPT',
  'OBJECT_MISSING',
  'OBJECT_CONFLICT',
  'OBJECT_COLD',
  'BACKUP_NOT_FOUND',
  'REPOSITORY_LOCKED',
  'LEASE_LOST',
] as const
