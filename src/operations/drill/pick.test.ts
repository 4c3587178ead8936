import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { seededRandom, shuffled } from '../../base/seeded-random.ts'
import type { BackupFacts } from '../../policy/backup-facts.ts'
import type { Window } from '../../policy/window.ts'
import { pickOne, randomPoint, turnsInOrder, type PastDrill } from './pick.ts'

const choice = { kinds: ['backup', 'dump'] as const, repositories: ['main', 'second'] }
const told = (past: readonly PastDrill[]): readonly string[] =>
  turnsInOrder(choice, past).map(({ kind, repository }) => `${kind} ${repository ?? 'all'}`)

describe('whose turn it is', () => {
  test('what was never drilled comes first, in the order of the configuration', () => {
    expect(told([])).toEqual(['backup main', 'dump main', 'backup second', 'dump second'])
    expect(told([{ kind: 'backup', repository: 'main', startedAt: '2026-01-05T04:00:00Z' }])).toEqual([
      'dump main',
      'backup second',
      'dump second',
      'backup main',
    ])
  })

  test('every kind comes from every repository before any comes twice', () => {
    const past: PastDrill[] = []
    for (let month = 1; month <= 8; month++) {
      const [turn] = turnsInOrder(choice, past)
      if (turn)
        past.push({
          kind: turn.kind,
          repository: turn.repository ?? '',
          startedAt: `2026-0${String(month)}-05T04:00:00Z`,
        })
    }
    const names = past.map(({ kind, repository }) => `${kind} ${repository}`)
    expect(new Set(names.slice(0, 4)).size).toBe(4)
    expect(names.slice(4)).toEqual(names.slice(0, 4))
  })

  test('without repositories it is a drill of all of them, whatever single ones were drilled', () => {
    const past = [{ kind: 'backup', repository: 'main', startedAt: '2026-01-05T04:00:00Z' } as const]
    expect(turnsInOrder({ kinds: ['backup'], repositories: [] }, past)).toEqual([
      { kind: 'backup', repository: undefined },
    ])
  })
})

const backup = (id: string, stopLsn: bigint, kind: BackupFacts['kind'] = 'full'): BackupFacts => ({
  id,
  kind,
  parent: undefined,
  timeline: 1,
  startLsn: stopLsn - 10n,
  stopLsn,
  startedAt: 0,
  endedAt: 0,
  isDamaged: false,
  rawBytes: 1,
  storedBytes: 1,
})

const window = (backups: readonly BackupFacts[], toLsn: bigint): Window => ({
  timeline: 1,
  path: [],
  backups,
  fromLsn: backups[0]?.stopLsn ?? 0n,
  toLsn,
  last: 1n,
  endsAt: 'end of the archive',
})

describe('a random point', () => {
  const windows = [
    window([backup('old', 100n)], 200n),
    window([backup('a', 1000n), backup('s', 2000n, 'snapshot'), backup('b', 3000n)], 5000n),
  ]
  const isBase = ({ kind }: BackupFacts): boolean => kind !== 'snapshot'

  test('lies in the newest window, behind the backup that it is restored from, which is the nearest', () => {
    fc.assert(
      fc.property(fc.integer(), seed => {
        const point = randomPoint(windows, isBase, seededRandom(seed))
        expect(point?.lsn).toBeGreaterThanOrEqual(1000n)
        expect(point?.lsn).toBeLessThan(5000n)
        expect(point?.backup).toBe((point?.lsn ?? 0n) >= 3000n ? 'b' : 'a')
      }),
    )
  })

  test('is the same for the same seed, and all over the window for many', () => {
    const at = (seed: number): bigint => randomPoint(windows, isBase, seededRandom(seed))?.lsn ?? 0n
    expect(at(7)).toBe(at(7))
    const quarters = new Set(Array.from({ length: 100 }, (_, seed) => (at(seed) - 1000n) / 1000n))
    expect(quarters.size).toBe(4)
  })

  test('is looked for in an older window when the newest has no backup of the kind', () => {
    const snapshots = [windows[0]!, window([backup('s', 2000n, 'snapshot')], 5000n)]
    expect(randomPoint(snapshots, isBase, seededRandom(1))?.backup).toBe('old')
    expect(randomPoint([], isBase, seededRandom(1))).toBeUndefined()
  })

  test('is never behind a backup with damaged pages', () => {
    const damaged = [window([{ ...backup('a', 1000n), isDamaged: true }], 2000n)]
    expect(randomPoint(damaged, isBase, seededRandom(1))).toBeUndefined()
  })
})

test('one of several is the newest, or any', () => {
  expect(pickOne(['a', 'b', 'c'], 'latest', seededRandom(1))).toBe('c')
  const all = new Set(
    Array.from({ length: 50 }, (_, i) => pickOne(['a', 'b', 'c'], 'random', seededRandom(i))),
  )
  expect(all.size).toBe(3)
  expect(pickOne<string>([], 'random', seededRandom(1))).toBeUndefined()
})

test('shuffling keeps everything, and is the same for the same seed', () => {
  const items = Array.from({ length: 40 }, (_, i) => i)
  const mixed = shuffled(items, seededRandom(3))
  expect(mixed).not.toEqual(items)
  expect(mixed.toSorted((a, b) => a - b)).toEqual(items)
  expect(shuffled(items, seededRandom(3))).toEqual(mixed)
})
