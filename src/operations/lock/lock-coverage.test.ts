import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  buildRanges,
  overlaid,
  pieces,
  rangesOfNote,
  rangesToNote,
  rangeWith,
  type LockedRange,
} from './lock-coverage.ts'

const size = 1 << 24

/** What is known of each segment, the plain way. */
function facts(ranges: readonly LockedRange[]): Map<string, number> {
  const known = new Map<string, number>()
  for (const { timeline, first, last, untilMs } of ranges)
    for (let n = first; n <= last; n++) known.set(`${String(timeline)}/${String(n)}`, untilMs)
  return known
}

const files = fc
  .uniqueArray(
    fc.record({
      timeline: fc.integer({ min: 1, max: 3 }),
      number: fc.bigInt({ min: 0n, max: 40n }),
      untilMs: fc.integer({ min: 1, max: 4 }),
    }),
    { selector: ({ timeline, number }) => `${String(timeline)}/${String(number)}`, maxLength: 40 },
  )
  .map(list => list.sort((a, b) => a.timeline - b.timeline || (a.number < b.number ? -1 : 1)))
type File = typeof files extends fc.Arbitrary<(infer T)[]> ? T : never

function rangesOf(list: readonly File[]): readonly LockedRange[] {
  const builder = buildRanges(7)
  for (const { timeline, number, untilMs } of list) builder.add(timeline, number, untilMs)
  return builder.ranges()
}

test('ranges say of each file what it was given, and come back from a note as they were', () => {
  fc.assert(
    fc.property(files, list => {
      const ranges = rangesOf(list)
      for (const { timeline, number, untilMs } of list)
        expect(rangeWith(ranges, timeline, number)?.untilMs).toBe(untilMs)
      expect(rangesOfNote(rangesToNote(ranges, size), size)).toEqual(ranges)
    }),
  )
})

test('of two files of one segment, the one whose lock ends first counts', () => {
  expect(
    rangesOf([
      { timeline: 1, number: 1n, untilMs: 5 },
      { timeline: 1, number: 2n, untilMs: 5 },
      { timeline: 1, number: 2n, untilMs: 3 },
      { timeline: 1, number: 2n, untilMs: 9 },
    ]).map(({ first, last, untilMs }) => [first, last, untilMs]),
  ).toEqual([
    [1n, 1n, 5],
    [2n, 2n, 3],
  ])
})

test('what is newly known counts instead of what was, and nothing else is lost', () => {
  fc.assert(
    fc.property(files, files, (before, now) => {
      const [old, fresh] = [rangesOf(before), rangesOf(now)]
      const merged = overlaid(old, fresh, 0)
      expect(facts(merged)).toEqual(new Map([...facts(old), ...facts(fresh)]))
      for (const [i, range] of merged.entries()) {
        const next = merged[i + 1]
        if (next?.timeline === range.timeline) expect(next.first).toBeGreaterThan(range.last)
      }
    }),
  )
})

test('what has ended is forgotten', () => {
  const ranges = rangesOf([
    { timeline: 1, number: 1n, untilMs: 2 },
    { timeline: 1, number: 2n, untilMs: 3 },
  ])
  expect(overlaid(ranges, [], 2).map(({ first }) => first)).toEqual([2n])
})

test('pieces between boundaries are the range again', () => {
  fc.assert(
    fc.property(
      fc.bigInt(0n, 20n),
      fc.bigInt(0n, 20n),
      fc.array(fc.bigInt(0n, 45n)),
      (first, length, given) => {
        const boundaries = given.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
        const range = { timeline: 1, first, last: first + length, untilMs: 1, writtenBeforeMs: 1 }
        const cut = pieces(range, boundaries)
        expect(facts(cut)).toEqual(facts([range]))
        for (const piece of cut) expect(boundaries.some(n => n > piece.first && n <= piece.last)).toBe(false)
      },
    ),
  )
})
