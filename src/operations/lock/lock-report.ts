/** What a run of `lock` tells: what is locked until when, and why. This is what `--json` prints. */
import type { LockNote } from '../../repository/format/lock-note.ts'
import { parseSegmentName } from '../../wal/segment.ts'
import type { BackupLockTime, LockTimes } from './lock-times.ts'

export interface LockReport {
  readonly mode: LockNote['mode']
  /** Nothing was done; this is how it would be. */
  readonly dryRun: boolean
  /** Objects whose lock was set or extended. */
  readonly extended: number
  readonly backups: readonly LockedItem[]
  readonly dumps: readonly LockedItem[]
  readonly wal: readonly (LockedItem & { readonly last: string })[]
}

export interface LockedItem {
  /** The id of a backup or dump, or the first of some segments. */
  readonly name: string
  /** ISO 8601, in UTC. */
  readonly until: string
  readonly reason: string
}

export function reportOf(
  { backups, dumps = [], wal }: Pick<LockNote, 'backups' | 'dumps' | 'wal'>,
  times: LockTimes & { readonly dumps: readonly BackupLockTime[] },
  more: Pick<LockReport, 'mode' | 'extended' | 'dryRun'>,
  segmentSizeBytes: number,
): LockReport {
  const reasons = new Map([...times.backups, ...times.dumps].map(({ id, reason }) => [id, reason]))
  const itemOf = ({ id, until }: LockNote['backups'][number]): LockedItem => ({
    name: id,
    until,
    reason: reasons.get(id) ?? noLonger,
  })
  const rows: (LockedItem & { readonly last: string })[] = []
  for (const { first, last, until } of wal) {
    const { timeline, number } = parseSegmentName(first, segmentSizeBytes)
    const reason = times.wal(timeline, number)?.reason ?? noLonger
    const before = rows.at(-1)
    if (before?.until === until && before.reason === reason && before.name.slice(0, 8) === first.slice(0, 8))
      rows[rows.length - 1] = { ...before, last }
    else rows.push({ name: first, last, until, reason })
  }
  return {
    ...more,
    backups: backups.map(itemOf),
    dumps: dumps.map(itemOf),
    wal: rows,
  }
}

const noLonger = 'no rule asks for it any more; the lock ends by itself'
