/**
 * Until when what lies in an archive has to be locked: for as long as its notes and holds say, with what it is based on and the WAL
 * that makes it consistent. Decides only.
 */
import { limits } from '../../base/limits.ts'
import { planArchived, type Archived } from '../../policy/archiving.ts'
import type { BackupFacts } from '../../policy/backup-facts.ts'
import type { MoreReasons } from '../../policy/keep-rules.ts'
import type { AllLockTimes } from './lock-run.ts'
import { standaloneTimes, type BackupLockTime, type LockTime } from './lock-times.ts'

interface Reason {
  readonly text: string
  /** Undefined: for ever. */
  readonly untilMs: number | undefined
}

export function archivedLockTimes(
  backups: readonly BackupFacts[],
  archived: readonly Archived[],
  segmentSizeBytes: number,
  nowMs: number,
  held: MoreReasons,
): AllLockTimes {
  const noted = new Map(planArchived(archived, nowMs).map(({ id, reasons }) => [id, reasons]))
  const based = reasonsOfChildren(archived, held)
  const times = archived.flatMap(({ id, endedMs }) => {
    const reasons = [...(held.get(id) ?? []), ...(noted.get(id) ?? []), ...(based.get(id) ?? [])]
    const time = timeOf(reasons, nowMs)
    return time ? [{ id, endedMs, ...time }] : []
  })
  const newestFirst: readonly BackupLockTime[] = times.toSorted((a, b) => b.endedMs - a.endedMs)
  const isBackup = new Set(backups.map(({ id }) => id))
  return {
    ...standaloneTimes(
      backups,
      newestFirst.filter(({ id }) => isBackup.has(id)),
      segmentSizeBytes,
    ),
    // There is little of it: all of it is looked at each time.
    openFrom: undefined,
    dumps: newestFirst.filter(({ id }) => !isBackup.has(id)),
  }
}

/** What a held one is based on is needed for as long. */
function reasonsOfChildren(
  archived: readonly Archived[],
  held: MoreReasons,
): ReadonlyMap<string, readonly Reason[]> {
  const parents = new Map(archived.map(({ id, parent }) => [id, parent]))
  const found = new Map<string, Reason[]>()
  for (const [id, reasons] of held) {
    const seen = new Set([id])
    for (
      let parent = parents.get(id);
      parent !== undefined && !seen.has(parent);
      parent = parents.get(parent)
    ) {
      seen.add(parent)
      const more = reasons.map(({ untilMs }) => ({ text: `${id} is based on it`, untilMs }))
      found.set(parent, [...(found.get(parent) ?? []), ...more])
    }
  }
  return found
}

/** A lock needs an end: what is kept for ever is locked for a while, and again before that is over. */
function timeOf(reasons: readonly Reason[], nowMs: number): LockTime | undefined {
  const endless = reasons.find(({ untilMs }) => untilMs === undefined)
  const longest = reasons.toSorted((a, b) => (b.untilMs ?? 0) - (a.untilMs ?? 0))[0]
  if (!longest) return undefined
  const rollingMs = nowMs + limits.lockEndlessMs
  const untilMs = endless ? Math.max(rollingMs, longest.untilMs ?? 0) : (longest.untilMs ?? 0)
  return { untilMs, reason: (endless ?? longest).text, isOpen: endless !== undefined }
}
