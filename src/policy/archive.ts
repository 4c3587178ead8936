/**
 * What WAL a repository holds, as the decisions of this folder see it: which segments of which timelines, and how
 * the timelines hang together. Made once from the names in the repository; knows no storage.
 */
import { classifyWalFile, parseSegmentName, segmentStartLsn } from '../wal/segment.ts'
import type { Lsn } from '../wal/lsn.ts'
import type { TimelineSwitch } from '../wal/timeline.ts'

/** Segments without one missing between them; both ends belong to it. Numbers count segments from LSN 0. */
export interface SegmentRun {
  readonly first: bigint
  readonly last: bigint
}

export interface TimelineWal {
  readonly timeline: number
  /** In ascending order. */
  readonly runs: readonly SegmentRun[]
  /** Stored bytes of each segment. */
  readonly sizes: ReadonlyMap<bigint, number>
  /** Segments of which only the start was archived, when the timeline was left: `<segment>.partial`. */
  readonly partials: ReadonlyMap<bigint, number>
  /** Where this timeline and its ancestors come from, oldest first; undefined when no history file is stored. */
  readonly history: readonly TimelineSwitch[] | undefined
}

export interface Archive {
  readonly segmentSizeBytes: number
  /** By timeline, in ascending order. */
  readonly timelines: ReadonlyMap<number, TimelineWal>
}

export interface StoredWal {
  readonly name: string
  readonly sizeBytes: number
}

/** `histories` are the parsed history files by the timeline that each belongs to. */
export function archiveOf(
  files: Iterable<StoredWal>,
  histories: ReadonlyMap<number, readonly TimelineSwitch[]>,
  segmentSizeBytes: number,
): Archive {
  const found = new Map<number, { sizes: Map<bigint, number>; partials: Map<bigint, number> }>()
  const at = (timeline: number): { sizes: Map<bigint, number>; partials: Map<bigint, number> } => {
    const known = found.get(timeline) ?? { sizes: new Map(), partials: new Map() }
    found.set(timeline, known)
    return known
  }
  for (const { name, sizeBytes } of files) {
    const file = classifyWalFile(name)
    if (file?.kind !== 'segment' && file?.kind !== 'partial') continue
    const { timeline, number } = parseSegmentName(name, segmentSizeBytes)
    const { sizes, partials } = at(timeline)
    if (file.kind === 'segment') sizes.set(number, sizeBytes)
    else partials.set(number, sizeBytes)
  }
  for (const timeline of histories.keys()) at(timeline)
  const timelines = [...found]
    .toSorted(([a], [b]) => a - b)
    .map(([timeline, { sizes, partials }]): [number, TimelineWal] => [
      timeline,
      { timeline, sizes, partials, runs: runsOf(sizes.keys()), history: histories.get(timeline) },
    ])
  return { segmentSizeBytes, timelines: new Map(timelines) }
}

/** Contiguous stretches of a set of numbers. */
export function runsOf(numbers: Iterable<bigint>): SegmentRun[] {
  const runs: { first: bigint; last: bigint }[] = []
  for (const number of [...numbers].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))) {
    const run = runs.at(-1)
    if (run && number === run.last + 1n) run.last = number
    else runs.push({ first: number, last: number })
  }
  return runs
}

/** The position after the last byte of a segment. */
export function segmentEndLsn(number: bigint, segmentSizeBytes: number): Lsn {
  return segmentStartLsn({ timeline: 0, number: number + 1n }, segmentSizeBytes)
}
