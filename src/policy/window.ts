/**
 * What can be restored, and what is missing: windows and gaps, from the names of what is stored.
 *
 * A window begins where a backup is consistent and ends where the WAL after it does. Backups whose WAL ends at the same
 * place share a window, and the earliest of them opens it.
 */
import type { Lsn } from '../wal/lsn.ts'
import { segmentEndLsn, type Archive } from './archive.ts'
import type { BackupFacts } from './backup-facts.ts'
import { candidatesFor, type Candidate, type Rejected } from './candidates.ts'
import { passesThrough, pathTo, runsOnPath, timelineOf, type TimelinePath } from './timeline-path.ts'

export interface Window {
  /** The timeline on which it ends. */
  readonly timeline: number
  readonly path: TimelinePath
  /** In the order of their stop LSNs; the first opens the window. */
  readonly backups: readonly BackupFacts[]
  readonly fromLsn: Lsn
  readonly toLsn: Lsn
  /** The last segment that can be replayed. */
  readonly last: bigint
  readonly endsAt: 'gap' | 'end of the archive'
}

export interface Gap {
  readonly timeline: number
  readonly path: TimelinePath
  /** Numbers of the first and the last segment that are missing. */
  readonly first: bigint
  readonly last: bigint
  /** A backup was made after it, so that only the time between is lost. */
  readonly isBridged: boolean
}

export interface WindowReport {
  /** In the order in which they end. */
  readonly windows: readonly Window[]
  readonly gaps: readonly Gap[]
  /** Backups that no restore would begin with now. */
  readonly unusable: readonly Rejected[]
}

export function windowReport(archive: Archive, backups: readonly BackupFacts[]): WindowReport {
  const paths = [...archive.timelines.keys()]
    .map(timeline => pathTo(archive, timeline))
    .filter(path => path !== undefined)
  const windows = paths.flatMap(path => windowsOn(path, archive, backups))
  return {
    windows: windows
      .filter(window => !windows.some(other => other !== window && continues(other, window)))
      .toSorted((a, b) => compare(a.toLsn, b.toLsn) || a.timeline - b.timeline),
    gaps: distinct(paths.flatMap(path => gapsOn(path, archive, backups))),
    unusable: candidatesFor(backups, archive, { timeline: 'latest' }).rejected,
  }
}

function windowsOn(path: TimelinePath, archive: Archive, backups: readonly BackupFacts[]): Window[] {
  const timeline = path.at(-1)?.timeline ?? 1
  const { usable } = candidatesFor(backups, archive, { timeline })
  const byEnd = Map.groupBy(usable, ({ reach }) => reach.last)
  return [...byEnd.values()]
    .map(group => windowOf(path, group.toReversed()))
    .filter(({ last }) => timelineOf(path, last, archive.segmentSizeBytes) === timeline)
}

function windowOf(path: TimelinePath, candidates: readonly Candidate[]): Window {
  const backups = candidates.map(({ backup }) => backup)
  const reach = candidates[0]?.reach
  return {
    timeline: path.at(-1)?.timeline ?? 1,
    path,
    backups,
    fromLsn: backups[0]?.stopLsn ?? 0n,
    toLsn: reach?.endLsn ?? 0n,
    last: reach?.last ?? 0n,
    endsAt: reach?.gapAt === undefined ? 'end of the archive' : 'gap',
  }
}

/** Whether all of `window` is also part of a window that goes on, on a timeline that branched from it later. */
function continues(other: Window, window: Window): boolean {
  return (
    other.toLsn >= window.toLsn &&
    passesThrough(other.path, window.timeline, window.toLsn) &&
    window.backups.every(backup => other.backups.includes(backup))
  )
}

function gapsOn(path: TimelinePath, archive: Archive, backups: readonly BackupFacts[]): Gap[] {
  const { segmentSizeBytes } = archive
  const timeline = path.at(-1)?.timeline ?? 1
  const { usable } = candidatesFor(backups, archive, { timeline })
  const runs = runsOnPath(archive, path)
  return runs.slice(1).map((run, index) => {
    const first = (runs[index]?.last ?? 0n) + 1n
    const last = run.first - 1n
    const endLsn = segmentEndLsn(last, segmentSizeBytes)
    return {
      timeline: timelineOf(path, first, segmentSizeBytes),
      path,
      first,
      last,
      isBridged: usable.some(({ backup }) => backup.startLsn >= endLsn),
    }
  })
}

/** The same gap lies on the way to every timeline that branched after it. */
function distinct(gaps: readonly Gap[]): Gap[] {
  const byPlace = new Map(
    gaps.map(gap => [`${String(gap.timeline)} ${String(gap.first)} ${String(gap.last)}`, gap]),
  )
  return [...byPlace.values()].toSorted((a, b) => compare(a.first, b.first) || a.timeline - b.timeline)
}

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0)
