/**
 * `wal status`: what can be restored and what is missing, as positions and as times. Reads names and a few heads, and
 * needs no key. The result is what `--json` prints: LSNs are text, times ISO 8601 in UTC.
 */
import { isFault } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { archiveOf, segmentEndLsn, type Archive, type TimelineWal } from '../policy/archive.ts'
import { nameOnPath, type TimelinePath } from '../policy/timeline-path.ts'
import { windowReport, type Gap, type Window } from '../policy/window.ts'
import type { BackupSummary } from '../repository/format/backup-summary.ts'
import type { WalHead } from '../repository/format/wal-head.ts'
import type { WalStore } from '../repository/wal-store.ts'
import { formatLsn } from '../wal/lsn.ts'
import { historyName, segmentName, segmentStartLsn } from '../wal/segment.ts'
import { isoMicros, parseTime } from '../wal/time.ts'
import { factsOf, readHistories } from './wal-archive.ts'
import type { OwedFacts } from './wal-push/owed.ts'

export interface WalStatusDeps {
  readonly backups: readonly BackupSummary[]
  /** Snapshots that are gone, each with the reason: no moment can be restored from them. */
  readonly absent?: ReadonlyMap<string, string>
  readonly wal: Pick<WalStore, 'head' | 'list'>
  readonly walSegmentSizeBytes: number
}

export interface WalStatus {
  readonly windows: readonly WindowStatus[]
  readonly gaps: readonly GapStatus[]
  /** History files of timelines that may go on from one with backups; nobody can tell without them. */
  readonly missingHistories: readonly string[]
  /** Of such timelines, too: they lie in a cold storage class. */
  readonly coldHistories: readonly string[]
  readonly timelines: readonly TimelineStatus[]
  readonly unusableBackups: readonly { readonly id: string; readonly why: string }[]
}

/** What `wal status --json` prints: `owed` is null where it can not be told, away from the server's own host. */
export interface WalStatusHere extends WalStatus {
  readonly owed: readonly OwedFacts[] | null
}

export interface WindowStatus {
  readonly timeline: number
  /** Ids, oldest first; the first opens the window. */
  readonly backups: readonly string[]
  readonly from: { readonly lsn: string; readonly time: string }
  /**
   * `time`: when the last transaction ended that can be brought back, or where the window begins when that was earlier;
   * null when the heads near the end name none.
   */
  readonly to: { readonly lsn: string; readonly time: string | null; readonly segment: string }
  readonly endsAt: 'gap' | 'end of the archive'
}

export interface GapStatus {
  readonly timeline: number
  readonly firstMissing: string
  readonly lastMissing: string
  readonly segments: number
  /** The last commit before and the first one after; null when the heads next to the gap name none. */
  readonly lastTimeBefore: string | null
  readonly firstTimeAfter: string | null
  readonly isBridged: boolean
}

export interface TimelineStatus {
  readonly timeline: number
  readonly branchedFrom: { readonly timeline: number; readonly lsn: string } | null
  readonly runs: readonly {
    readonly firstSegment: string
    readonly lastSegment: string
    readonly segments: number
    readonly fromLsn: string
    readonly toLsn: string
  }[]
  readonly partials: readonly string[]
}

export async function walStatus(deps: WalStatusDeps, signal: AbortSignal): Promise<WalStatus> {
  const gone = deps.absent ?? new Map<string, string>()
  const backups = deps.backups.filter(({ id }) => !gone.has(id))
  const absent = [...gone].map(([id, why]) => ({ id, why }))
  const files = await Array.fromAsync(deps.wal.list(undefined, signal))
  const histories = await readHistories(deps.wal, files, signal, { passOver: ['OBJECT_COLD'] })
  const archive = archiveOf(files, histories, deps.walSegmentSizeBytes)
  const unknown = missingHistories(archive, backups)
  const isThere = (name: string): boolean => files.some(file => file.name === name)
  const report = windowReport(archive, backups.map(factsOf))
  const look = lookerInto(deps, signal)
  return {
    windows: await Promise.all(report.windows.map(window => windowStatus(window, look))),
    gaps: await Promise.all(report.gaps.map(gap => gapStatus(gap, look))),
    missingHistories: unknown.filter(name => !isThere(name)),
    coldHistories: unknown.filter(isThere),
    timelines: [...archive.timelines.values()].map(wal => timelineStatus(wal, deps.walSegmentSizeBytes)),
    unusableBackups: [...report.unusable, ...absent],
  }
}

/** Without a backup on an older timeline there is nothing that it could go on from: it may be older than the archive. */
function missingHistories({ timelines }: Archive, backups: readonly BackupSummary[]): readonly string[] {
  return [...timelines.values()]
    .filter(({ timeline, history }) => !history && backups.some(backup => backup.timeline < timeline))
    .map(({ timeline }) => historyName(timeline))
}

async function windowStatus(window: Window, look: Look): Promise<WindowStatus> {
  const { timeline, path, backups, fromLsn, toLsn, last, endsAt } = window
  const fromTime = isoMicros(backups[0]?.endedAt ?? 0)
  const lastTime = await look.lastTimeUpTo(path, last)
  return {
    timeline,
    backups: backups.map(({ id }) => id),
    from: { lsn: formatLsn(fromLsn), time: fromTime },
    to: {
      lsn: formatLsn(toLsn),
      time: lastTime === null ? null : laterOf(fromTime, lastTime),
      segment: look.nameOf(path, last),
    },
    endsAt,
  }
}

/** On an idle server the last commit may lie before the end of the backup that opens the window. */
const laterOf = (one: string, other: string): string =>
  (parseTime(one) ?? 0) >= (parseTime(other) ?? 0) ? one : other

async function gapStatus({ timeline, path, first, last, isBridged }: Gap, look: Look): Promise<GapStatus> {
  return {
    timeline,
    firstMissing: look.nameOf(path, first),
    lastMissing: look.nameOf(path, last),
    segments: Number(last - first) + 1,
    lastTimeBefore: await look.lastTimeUpTo(path, first - 1n),
    firstTimeAfter: await look.firstTimeFrom(path, last + 1n),
    isBridged,
  }
}

function timelineStatus(
  { timeline, runs, partials, history }: TimelineWal,
  segmentSizeBytes: number,
): TimelineStatus {
  const from = history?.at(-1)
  const nameOf = (number: bigint): string => segmentName({ timeline, number }, segmentSizeBytes)
  return {
    timeline,
    branchedFrom: from ? { timeline: from.timeline, lsn: formatLsn(from.endLsn) } : null,
    runs: runs.map(({ first, last }) => ({
      firstSegment: nameOf(first),
      lastSegment: nameOf(last),
      segments: Number(last - first) + 1,
      fromLsn: formatLsn(segmentStartLsn({ timeline, number: first }, segmentSizeBytes)),
      toLsn: formatLsn(segmentEndLsn(last, segmentSizeBytes)),
    })),
    partials: [...partials.keys()].map(number => `${nameOf(number)}.partial`),
  }
}

/** The few heads that are read: next to the ends, and on to the first that tells a time. */
interface Look {
  nameOf(path: TimelinePath, number: bigint): string
  lastTimeUpTo(path: TimelinePath, number: bigint): Promise<string | null>
  firstTimeFrom(path: TimelinePath, number: bigint): Promise<string | null>
}

function lookerInto({ wal, walSegmentSizeBytes }: WalStatusDeps, signal: AbortSignal): Look {
  const nameOf = (path: TimelinePath, number: bigint): string => nameOnPath(path, number, walSegmentSizeBytes)
  const commitsNear = async (
    path: TimelinePath,
    number: bigint,
    step: bigint,
  ): Promise<WalHead['commits']> => {
    for (let tries = 0, at = number; tries < limits.walLookBackSegmentsMax && at >= 0n; tries++, at += step) {
      const head = await headUnlessRefused(wal, nameOf(path, at), signal)
      if (!head || head.commits) return head?.commits
    }
    return undefined
  }
  return {
    nameOf,
    lastTimeUpTo: async (path, number) => (await commitsNear(path, number, -1n))?.latest ?? null,
    firstTimeFrom: async (path, number) => (await commitsNear(path, number, 1n))?.earliest ?? null,
  }
}

/** Who may list and not read (an auditor) sees the window as positions; its times are in the heads. So does who has not thawed them. */
async function headUnlessRefused(
  wal: Pick<WalStore, 'head'>,
  name: string,
  signal: AbortSignal,
): Promise<WalHead | undefined> {
  try {
    return await wal.head(name, signal)
  } catch (error) {
    if (isFault(error, 'STORAGE_DENIED', 'OBJECT_COLD')) return undefined
    throw error
  }
}
