/** From single runs to the rows that are compared, with the targets that the product has set itself. */
import type { BaseBackupRun } from './base-backup.ts'
import type { Measured } from './measure.ts'
import type { StartupRun } from './startup.ts'
import { summarize, type Summary } from './statistics.ts'
import type { WalMode } from './tool.ts'
import type { WalRun } from './wal.ts'

export type Unit = 's' | 'ms' | 'MiB' | 'segments/s' | 'requests' | '%'

/** `ratio`: our median over theirs. `median` and `max`: of ours alone. */
export type Target =
  | { readonly of: 'ratio' | 'median' | 'max'; readonly atMost: number }
  | { readonly of: 'median'; readonly atLeast: number }

export interface Row {
  readonly what: string
  readonly unit: Unit
  readonly ours: Summary | undefined
  readonly theirs: Summary | undefined
  readonly target?: Target | undefined
}

const memoryTarget: Target = { of: 'max', atMost: 512 }
const noMoreRequests: Target = { of: 'ratio', atMost: 1 }

/** At most so much of theirs. */
export interface BaseBackupTargets {
  readonly backup?: number
  readonly backupCpu?: number
  readonly size?: number
  readonly restore?: number
}

export const folderTargets: BaseBackupTargets = { backup: 0.7, backupCpu: 0.9, size: 1.05, restore: 0.85 }
export const bucketTargets: BaseBackupTargets = { backup: 0.7, restore: 0.8 }

/** `suffix` tells the same rows on other data apart. */
export function baseBackupRows(
  runs: readonly BaseBackupRun[],
  { targets, suffix = '' }: { targets: BaseBackupTargets; suffix?: string },
): Row[] {
  const ratio = (atMost: number | undefined): Target | undefined =>
    atMost === undefined ? undefined : { of: 'ratio', atMost }
  const row = (
    what: string,
    unit: Unit,
    value: (run: BaseBackupRun) => number | undefined,
    target?: Target,
  ): Row => ({
    what: what + suffix,
    unit,
    ours: summaryOf(runs.filter(run => run.tool === 'holdfast').map(value)),
    theirs: summaryOf(runs.filter(run => run.tool === 'pgbackrest').map(value)),
    target,
  })
  const rows = [
    row('full backup, wall time', 's', run => run.backup.wallMs / 1000, ratio(targets.backup)),
    row('full backup, CPU time', 's', run => run.backup.cpuMs / 1000, ratio(targets.backupCpu)),
    row('size stored', 'MiB', run => run.storedSizeBytes / 2 ** 20, ratio(targets.size)),
    row('full backup, peak memory', 'MiB', run => peakMiB(run, run.backup), memoryTarget),
    row('full backup, requests', 'requests', run => run.backupRequests, noMoreRequests),
    row('restore, wall time', 's', run => run.restore && run.restore.wallMs / 1000, ratio(targets.restore)),
    row('restore, CPU time', 's', run => run.restore && run.restore.cpuMs / 1000),
    row('restore, peak memory', 'MiB', run => run.restore && peakMiB(run, run.restore), memoryTarget),
    row('restore, requests', 'requests', run => run.restoreRequests, noMoreRequests),
  ]
  return rows.filter(({ ours, theirs }) => ours ?? theirs)
}

/** Ours is one process: then the kernel's own high-water mark is exact, where samples may miss a peak. */
function peakMiB({ tool }: BaseBackupRun, measured: Measured): number {
  const bytes =
    tool === 'holdfast'
      ? Math.max(measured.peakProcessBytes, measured.peakTreePssBytes)
      : measured.peakTreePssBytes
  return bytes / 2 ** 20
}

/** Each way of theirs is set against the one way of ours. */
export function walRows(runs: readonly WalRun[]): Row[] {
  const row = (what: string, way: WalRun['way'], theirMode: WalMode): Row => ({
    what,
    unit: 'segments/s',
    ours: summaryOf(
      runs.filter(run => run.tool === 'holdfast' && run.way === way).map(run => run.segmentsPerSecond),
    ),
    theirs: summaryOf(
      runs
        .filter(run => run.tool === 'pgbackrest' && run.way === way && run.mode === theirMode)
        .map(run => run.segmentsPerSecond),
    ),
  })
  return [
    row('WAL push, theirs without archive-async', 'push', 'single'),
    row('WAL push, theirs with archive-async', 'push', 'ahead'),
    row('WAL get, theirs without archive-async', 'get', 'single'),
    row('WAL get, theirs with archive-async', 'get', 'ahead'),
  ].filter(({ ours, theirs }) => ours ?? theirs)
}

/** All segments pushed, theirs in the background: the way that is fast. */
export function bucketWalRows(runs: readonly WalRun[], segments: number): Row[] {
  const row = (
    what: string,
    way: WalRun['way'],
    unit: Unit,
    value: (run: WalRun) => number | undefined,
    target?: Target,
  ): Row => ({
    what: `WAL ${way} of ${String(segments)} segments, ${what}`,
    unit,
    ours: summaryOf(runs.filter(run => run.tool === 'holdfast' && run.way === way).map(value)),
    theirs: summaryOf(
      runs.filter(run => run.tool === 'pgbackrest' && run.way === way && run.mode === 'ahead').map(value),
    ),
    target,
  })
  const peak = ({ memory }: WalRun): number => Math.max(memory.pssBytes, memory.processBytes) / 2 ** 20
  const seconds = ({ wallMs }: WalRun): number => wallMs / 1000
  return [
    row('wall time', 'push', 's', seconds, { of: 'ratio', atMost: 0.6 }),
    row('peak memory', 'push', 'MiB', peak, memoryTarget),
    row('requests', 'push', 'requests', run => run.requests, noMoreRequests),
    row('wall time', 'get', 's', seconds),
    row('peak memory', 'get', 'MiB', peak, memoryTarget),
    row('requests', 'get', 'requests', run => run.requests, noMoreRequests),
  ].filter(({ ours, theirs }) => ours ?? theirs)
}

export function startupRows(runs: readonly StartupRun[]): Row[] {
  const row = (what: string, value: (run: StartupRun) => readonly number[], atMost: number): Row => ({
    what,
    unit: 'ms',
    ours: summaryOf(runs.filter(run => run.tool === 'holdfast').flatMap(value)),
    theirs: summaryOf(runs.filter(run => run.tool === 'pgbackrest').flatMap(value)),
    target: { of: 'median', atMost },
  })
  return [row('--version', run => run.versionMs, 80), row('one WAL push of 16 MiB', run => run.pushMs, 150)]
}

export function summaryOf(values: readonly (number | undefined)[]): Summary | undefined {
  const measured = values.filter(value => value !== undefined)
  return measured.length === 0 ? undefined : summarize(measured)
}

export function ratioOf({ ours, theirs }: Row): number | undefined {
  return ours && theirs ? ours.median / theirs.median : undefined
}

export function isMet(row: Row): boolean | undefined {
  if (!row.target) return undefined
  const value = row.target.of === 'ratio' ? ratioOf(row) : row.ours?.[row.target.of]
  if (value === undefined) return undefined
  return 'atMost' in row.target ? value <= row.target.atMost : value >= row.target.atLeast
}
