import { describe, expect, test } from 'vitest'
import { walNeedsOf, type WalNeedsFacts } from './wal-needs.ts'

const size = 16
const backup = (id: string, timeline: number, first: number, last: number) => ({
  id,
  timeline,
  startLsn: BigInt(first * size + 2),
  stopLsn: BigInt(last * size + 5),
})
const needsOf = (more: Partial<Record<keyof WalNeedsFacts, unknown>>) =>
  walNeedsOf({
    walBases: [],
    consistentOnly: [],
    isOriginKnown: () => true,
    segmentSizeBytes: size,
    ...more,
  } as WalNeedsFacts)

describe('the WAL that is needed', () => {
  const needs = needsOf({
    walBases: [backup('base', 2, 100, 101)],
    consistentOnly: [backup('old', 1, 150, 151), backup('older', 1, 20, 22)],
    awaiting: [backup('waiting', 2, 90, 91)],
  })

  test('leads on from a base, on its timeline and on newer ones', () => {
    expect(needs.reason(2, 100n)).toBe('leads on from base')
    expect(needs.reason(3, 5000n)).toBe('leads on from base')
    expect(needs.reason(3, 60n)).toBeUndefined()
    expect(needs.reason(2, 95n)).toBe('leads on from waiting')
    expect(needs.reason(2, 89n)).toBeUndefined()
  })

  test('makes older backups consistent, also where the log was higher before timelines parted', () => {
    expect([149n, 150n, 151n, 152n].map(number => needs.reason(1, number))).toEqual([
      undefined,
      'makes old consistent',
      'makes old consistent',
      undefined,
    ])
    expect(needs.reason(1, 20n)).toBe('makes older consistent')
  })

  test('is all of a newer timeline of which nobody knows where it came from', () => {
    const unsure = needsOf({ walBases: [backup('base', 2, 100, 101)], isOriginKnown: () => false })
    expect(unsure.reason(3, 1n)).toBe('leads on from base')
    expect(unsure.reason(2, 1n)).toBeUndefined()
    expect(unsure.reason(1, 200n)).toBeUndefined()
  })

  test('is everything when there is no good backup, except for an archive, whose backups stand alone', () => {
    expect(needsOf({}).reason(1, 1n)).toMatch(/no good backup/)
    const archive = needsOf({ isConsistentOnly: true, walBases: [backup('a', 1, 5, 6)] })
    expect([4n, 5n, 6n, 7n].map(number => archive.reason(1, number) !== undefined)).toEqual([
      false,
      true,
      true,
      false,
    ])
  })

  test('changes at boundaries only', () => {
    for (const timeline of [1, 2, 3]) {
      const boundaries = needs.boundaries(timeline)
      for (let number = 1n; number < 200n; number++)
        if (!boundaries.includes(number))
          expect(needs.reason(timeline, number)).toBe(needs.reason(timeline, number - 1n))
    }
  })
})
