/**
 * The way of a recovery through timelines: from the oldest ancestor to the one that it ends on.
 *
 * PostgreSQL reads each segment from the newest timeline of the path that had begun by the segment's end; so the
 * segment in which a timeline was left is taken from the child, which begins with a copy of the parent's part of it.
 * See XLogFileReadAnyTLI in src/backend/access/transam/xlogrecovery.c.
 */
import type { Lsn } from '../wal/lsn.ts'
import { segmentName } from '../wal/segment.ts'
import { segmentEndLsn, type Archive, type SegmentRun } from './archive.ts'

export interface TimelineSpan {
  readonly timeline: number
  /** Where it branched from the one before; 0 for the oldest that is known. */
  readonly beginLsn: Lsn
  /** Where the path leaves it; undefined for the last. */
  readonly endLsn: Lsn | undefined
}

/** Oldest first; never empty. */
export type TimelinePath = readonly TimelineSpan[]

/** Undefined when the archive does not know where the timeline came from (timeline 1 came from nowhere). */
export function pathTo(archive: Archive, timeline: number): TimelinePath | undefined {
  const history = archive.timelines.get(timeline)?.history
  if (!history) return timeline === 1 || archive.timelines.has(timeline) ? [rootSpan(timeline)] : undefined
  const ancestors = history.map(({ timeline: ancestor, endLsn }, index) => ({
    timeline: ancestor,
    beginLsn: history[index - 1]?.endLsn ?? 0n,
    endLsn,
  }))
  return [...ancestors, { timeline, beginLsn: history.at(-1)?.endLsn ?? 0n, endLsn: undefined }]
}

/**
 * Newer timelines of which no history file is stored: they may have begun before the archive did, or they may be how
 * things went on from this path. Nobody can tell.
 */
export function newerOfUnknownOrigin({ timelines }: Archive, path: TimelinePath): readonly number[] {
  const end = path.at(-1)?.timeline ?? 0
  return [...timelines.values()]
    .filter(({ timeline, history, runs }) => timeline > end && !history && runs.length > 0)
    .map(({ timeline }) => timeline)
}

const rootSpan = (timeline: number): TimelineSpan => ({ timeline, beginLsn: 0n, endLsn: undefined })

/** Whether what was written on `timeline` up to `lsn` is part of this path's history. */
export function passesThrough(path: TimelinePath, timeline: number, lsn: Lsn): boolean {
  const span = path.find(one => one.timeline === timeline)
  return span !== undefined && lsn >= span.beginLsn && (span.endLsn === undefined || lsn <= span.endLsn)
}

/** The timeline whose file PostgreSQL reads for a segment. */
export function timelineOf(path: TimelinePath, number: bigint, segmentSizeBytes: number): number {
  const span = path.findLast(({ beginLsn }) => number >= beginLsn / BigInt(segmentSizeBytes)) ?? path[0]
  return span?.timeline ?? 1
}

export function nameOnPath(path: TimelinePath, number: bigint, segmentSizeBytes: number): string {
  return segmentName({ timeline: timelineOf(path, number, segmentSizeBytes), number }, segmentSizeBytes)
}

/** The segments that the path takes from one of its timelines; `last` is undefined where it goes on. */
export function takenFrom(
  { beginLsn, endLsn }: TimelineSpan,
  segmentSizeBytes: number,
): { first: bigint; last: bigint | undefined } {
  const size = BigInt(segmentSizeBytes)
  return { first: beginLsn / size, last: endLsn === undefined ? undefined : endLsn / size - 1n }
}

/** How far one can read without a break. */
export interface Reach {
  /** The last segment that is there; undefined when not even the first is. */
  readonly last: bigint | undefined
  /** The end of that segment; the WAL may end anywhere in it. */
  readonly endLsn: Lsn
  /** The segment after it, when that is missing although the archive has later ones of this path. */
  readonly gapAt: bigint | undefined
  /** The segment after it, when only the start of it is there: `<segment>.partial`. */
  readonly partial: bigint | undefined
}

/** Reads on from segment `from` along the path until one is missing. */
export function reachFrom(archive: Archive, path: TimelinePath, from: bigint): Reach {
  const { segmentSizeBytes, timelines } = archive
  const runs = runsOnPath(archive, path)
  const run = runs.find(({ first, last }) => first <= from && from <= last)
  const next = run ? run.last + 1n : from
  const isGap = runs.some(({ first }) => first > next)
  const partials = timelines.get(timelineOf(path, next, segmentSizeBytes))?.partials
  return {
    last: run?.last,
    endLsn: segmentEndLsn(next - 1n, segmentSizeBytes),
    gapAt: isGap ? next : undefined,
    partial: !isGap && partials?.has(next) === true ? next : undefined,
  }
}

/** The contiguous stretches of WAL along a path, in order. */
export function runsOnPath(archive: Archive, path: TimelinePath): SegmentRun[] {
  const runs: { first: bigint; last: bigint }[] = []
  for (const span of path) {
    const taken = takenFrom(span, archive.segmentSizeBytes)
    for (const run of archive.timelines.get(span.timeline)?.runs ?? []) {
      const first = run.first > taken.first ? run.first : taken.first
      const last = taken.last === undefined || run.last < taken.last ? run.last : taken.last
      if (first > last) continue
      const before = runs.at(-1)
      if (before && first === before.last + 1n) before.last = last
      else runs.push({ first, last })
    }
  }
  return runs
}
