/** Which WAL is known to be locked until when: ranges of segments, as a note tells them. Pure. */
import type { LockedWal } from '../../repository/format/lock-note.ts'
import { parseSegmentName, segmentName } from '../../wal/segment.ts'

export interface LockedRange {
  readonly timeline: number
  /** Both belong to it. */
  readonly first: bigint
  readonly last: bigint
  readonly untilMs: number
  /** Of files that were written later nothing is known. */
  readonly writtenBeforeMs: number
}

export function rangesOfNote(wal: readonly LockedWal[], segmentSizeBytes: number): readonly LockedRange[] {
  return wal.map(({ first, last, until, writtenBefore }) => ({
    timeline: parseSegmentName(first, segmentSizeBytes).timeline,
    first: parseSegmentName(first, segmentSizeBytes).number,
    last: parseSegmentName(last, segmentSizeBytes).number,
    untilMs: Date.parse(until),
    writtenBeforeMs: Date.parse(writtenBefore),
  }))
}

export function rangesToNote(ranges: readonly LockedRange[], segmentSizeBytes: number): readonly LockedWal[] {
  return ranges.map(({ timeline, first, last, untilMs, writtenBeforeMs }) => ({
    first: segmentName({ timeline, number: first }, segmentSizeBytes),
    last: segmentName({ timeline, number: last }, segmentSizeBytes),
    until: new Date(untilMs).toISOString(),
    writtenBefore: new Date(writtenBeforeMs).toISOString(),
  }))
}

/** The range that a segment is in, by halving. */
export function rangeWith(
  ranges: readonly LockedRange[],
  timeline: number,
  number: bigint,
): LockedRange | undefined {
  let [low, high] = [0, ranges.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const range = ranges[middle]
    if (!range || isBefore(range, timeline, number)) low = middle + 1
    else high = middle
  }
  const range = ranges[low]
  return range?.timeline === timeline && range.first <= number ? range : undefined
}

const isBefore = (range: LockedRange, timeline: number, number: bigint): boolean =>
  range.timeline < timeline || (range.timeline === timeline && range.last < number)

/** What is newly known counts instead of what was; what has ended is left out. In ascending order. */
export function overlaid(
  old: readonly LockedRange[],
  fresh: readonly LockedRange[],
  nowMs: number,
): readonly LockedRange[] {
  const rest = old.flatMap(range => without(range, fresh))
  return [...rest, ...fresh]
    .filter(({ untilMs }) => untilMs > nowMs)
    .toSorted((a, b) => a.timeline - b.timeline || (a.first < b.first ? -1 : 1))
}

function without(range: LockedRange, others: readonly LockedRange[]): readonly LockedRange[] {
  let rest = [range]
  for (const { timeline, first, last } of others) {
    if (timeline !== range.timeline || last < range.first || first > range.last) continue
    rest = rest.flatMap(piece => [
      ...(piece.first < first ? [{ ...piece, last: smaller(piece.last, first - 1n) }] : []),
      ...(piece.last > last ? [{ ...piece, first: larger(piece.first, last + 1n) }] : []),
    ])
  }
  return rest
}

/** Pieces between segments (in ascending order) at which an answer may change. */
export function pieces(range: LockedRange, boundaries: readonly bigint[]): readonly LockedRange[] {
  const cuts = [...new Set(boundaries)].filter(number => number > range.first && number <= range.last)
  return [range.first, ...cuts].map((first, i) => ({
    ...range,
    first,
    last: (cuts[i] ?? range.last + 1n) - 1n,
  }))
}

export interface RangeBuilder {
  /** In ascending order; several files of one segment count as the one that ends first. */
  add(timeline: number, number: bigint, untilMs: number): void
  ranges(): readonly LockedRange[]
}

export function buildRanges(writtenBeforeMs: number): RangeBuilder {
  const ranges: LockedRange[] = []
  const put = (range: Omit<LockedRange, 'writtenBeforeMs'>): void => {
    const last = ranges.at(-1)
    // Over segments that are missing, too: should one come later, it was written later than the note knows of.
    if (last?.timeline === range.timeline && last.untilMs === range.untilMs && last.last < range.first)
      ranges[ranges.length - 1] = { ...last, last: range.last }
    else ranges.push({ ...range, writtenBeforeMs })
  }
  return {
    add(timeline, number, untilMs) {
      const last = ranges.at(-1)
      if (last?.timeline !== timeline || last.last !== number) {
        put({ timeline, first: number, last: number, untilMs })
      } else if (untilMs < last.untilMs) {
        ranges.pop()
        if (last.first < number) ranges.push({ ...last, last: number - 1n })
        put({ timeline, first: number, last: number, untilMs })
      }
    },
    ranges: () => ranges,
  }
}

const smaller = (a: bigint, b: bigint): bigint => (a < b ? a : b)
const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b)
