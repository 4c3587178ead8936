import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatLsn, parseLsn, type Lsn } from '../wal/lsn.ts'
import { parseSegmentName, segmentName } from '../wal/segment.ts'
import { archiveOf, runsOf } from './archive.ts'
import type { BackupFacts } from './backup-facts.ts'
import { windowReport } from './window.ts'

const size = 1 << 20
const lsn = (number: number, offset = 0): Lsn => BigInt(number) * BigInt(size) + BigInt(offset)
const seg = (timeline: number, number: number): string =>
  segmentName({ timeline, number: BigInt(number) }, size)
const span = (timeline: number, from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => seg(timeline, from + i))

function backup(
  id: string,
  timeline: number,
  from: number,
  to: number,
  more: Partial<BackupFacts> = {},
): BackupFacts {
  const times = { startedAt: from * 1000, endedAt: to * 1000 + 500 }
  const sizes = { rawBytes: 1, storedBytes: 1 }
  return {
    id,
    kind: 'full',
    parent: undefined,
    timeline,
    startLsn: lsn(from, 40),
    stopLsn: lsn(to, 500),
    isDamaged: false,
    ...times,
    ...sizes,
    ...more,
  }
}

function report(
  names: readonly string[],
  backups: readonly BackupFacts[],
  histories: Record<number, [number, Lsn][]> = {},
) {
  const parsed = new Map(
    Object.entries(histories).map(([timeline, switches]) => [
      Number(timeline),
      switches.map(([ancestor, endLsn]) => ({ timeline: ancestor, endLsn, reason: '' })),
    ]),
  )
  const archive = archiveOf(
    names.map(name => ({ name, sizeBytes: 1 })),
    parsed,
    size,
  )
  const { windows, gaps, unusable } = windowReport(archive, backups)
  return {
    windows: windows.map(w => [
      w.timeline,
      w.backups.map(({ id }) => id).join(' '),
      formatLsn(w.fromLsn),
      formatLsn(w.toLsn),
      w.endsAt,
    ]),
    gaps: gaps.map(g => [g.timeline, Number(g.first), Number(g.last), g.isBridged]),
    unusable,
  }
}

describe('windows and gaps', () => {
  test('a window begins where the backup is consistent and ends with the WAL', () => {
    expect(report(span(1, 2, 9), [backup('a', 1, 3, 4)])).toEqual({
      windows: [[1, 'a', formatLsn(lsn(4, 500)), formatLsn(lsn(10)), 'end of the archive']],
      gaps: [],
      unusable: [],
    })
  })

  test('backups whose WAL ends at the same place share a window; a gap begins another', () => {
    const names = [...span(1, 2, 9), ...span(1, 12, 20)]
    const found = report(names, [backup('a', 1, 2, 2), backup('b', 1, 5, 5), backup('c', 1, 13, 14)])
    expect(found.windows).toEqual([
      [1, 'a b', formatLsn(lsn(2, 500)), formatLsn(lsn(10)), 'gap'],
      [1, 'c', formatLsn(lsn(14, 500)), formatLsn(lsn(21)), 'end of the archive'],
    ])
    expect(found.gaps).toEqual([[1, 10, 11, true]])
  })

  test('a gap after the last backup is not bridged, and a backup that lacks WAL opens nothing', () => {
    const names = [...span(1, 2, 9), ...span(1, 12, 20)]
    const found = report(names, [
      backup('a', 1, 2, 2),
      backup('b', 1, 9, 12),
      backup('d', 1, 3, 3, { isDamaged: true }),
    ])
    expect(found.windows.map(([, ids]) => ids)).toEqual(['a'])
    expect(found.gaps).toEqual([[1, 10, 11, false]])
    expect(found.unusable).toEqual([
      { id: 'b', why: `needs WAL segment ${seg(1, 10)}, which is not in the repository` },
      { id: 'd', why: 'holds damaged pages, and is taken only when it is named' },
    ])
  })

  test("a window goes on over a promotion; the segment of the switch is the child's", () => {
    const names = [...span(1, 2, 6), `${seg(1, 7)}.partial`, ...span(2, 7, 11)]
    const found = report(names, [backup('a', 1, 2, 2)], { 2: [[1, lsn(7, 4000)]] })
    expect(found).toEqual({
      windows: [[2, 'a', formatLsn(lsn(2, 500)), formatLsn(lsn(12)), 'end of the archive']],
      gaps: [],
      unusable: [],
    })
  })

  test('what the old primary wrote after the promotion is a window of its own', () => {
    const names = [...span(1, 2, 9), ...span(2, 7, 8)]
    const found = report(names, [backup('a', 1, 2, 2)], { 2: [[1, lsn(7, 4000)]] })
    expect(found.windows).toEqual([
      [2, 'a', formatLsn(lsn(2, 500)), formatLsn(lsn(9)), 'end of the archive'],
      [1, 'a', formatLsn(lsn(2, 500)), formatLsn(lsn(10)), 'end of the archive'],
    ])
  })

  test('a promotion whose first segment is missing is a gap on the new timeline', () => {
    const names = [...span(1, 2, 6), ...span(2, 8, 11)]
    const found = report(names, [backup('a', 1, 2, 2), backup('b', 2, 9, 9)], { 2: [[1, lsn(7, 4000)]] })
    expect(found.windows).toEqual([
      [1, 'a', formatLsn(lsn(2, 500)), formatLsn(lsn(7)), 'end of the archive'],
      [2, 'b', formatLsn(lsn(9, 500)), formatLsn(lsn(12)), 'end of the archive'],
    ])
    expect(found.gaps).toEqual([[2, 7, 7, true]])
  })

  test('an incremental backup counts when all it is based on is there', () => {
    const incremental = { kind: 'incremental', parent: 'a' } as const
    const names = span(1, 2, 9)
    expect(report(names, [backup('a', 1, 2, 2), backup('b', 1, 5, 5, incremental)]).windows[0]?.[1]).toBe(
      'a b',
    )
    expect(report(names, [backup('b', 1, 5, 5, incremental)]).unusable).toEqual([
      { id: 'b', why: 'is based on a backup that is missing' },
    ])
  })

  test('on one timeline, windows and gaps are what counting segment by segment gives', () => {
    const numbers = fc.uniqueArray(fc.nat(40), { minLength: 1, maxLength: 35 })
    fc.assert(
      fc.property(numbers, fc.uniqueArray(fc.nat(38), { maxLength: 6 }), (present, starts) => {
        const stored = new Set(present)
        const backups = starts.map(start => backup(`b${String(start)}`, 1, start, start + 1))
        const found = report(
          present.map(number => seg(1, number)),
          backups,
        )
        const missing = Array.from({ length: 41 }, (_, i) => i).filter(
          i => i > Math.min(...present) && i < Math.max(...present) && !stored.has(i),
        )
        expect(found.gaps.map(([, first, last]) => [first, last])).toEqual(
          runsOf(missing.map(BigInt)).map(({ first, last }) => [Number(first), Number(last)]),
        )
        const expected = new Map<number, string[]>()
        for (const start of starts.toSorted((a, b) => a - b)) {
          let end = start
          while (stored.has(end)) end++
          if (end > start + 1) expected.set(end, [...(expected.get(end) ?? []), `b${String(start)}`])
        }
        expect(found.windows.map(([, ids, , toLsn]) => [ids, toLsn])).toEqual(
          [...expected].map(([end, ids]) => [ids.join(' '), formatLsn(lsn(end))]),
        )
      }),
    )
  })
})

test('names and positions of segments go together', () => {
  expect(parseSegmentName(seg(3, 5000), size)).toEqual({ timeline: 3, number: 5000n })
  expect(parseLsn(formatLsn(lsn(5000)))).toBe(lsn(5000))
})
