import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { day, hour } from '../../base/units.ts'
import type { BackupFacts } from '../../policy/backup-facts.ts'
import { planRetention, type RetentionRules } from '../../policy/retention.ts'
import { isDue } from './lock-due.ts'
import { lockTimes, type LockTimes } from './lock-times.ts'

const size = 1 << 24
const nowMs = Date.UTC(2026, 2, 31)
const rulesOf = (rules: Partial<RetentionRules>): RetentionRules => ({
  minimum: 1,
  timeZone: 'UTC',
  ...rules,
})

interface Made {
  readonly agoMs: number
  /** Its first segment; it needs three. */
  readonly first: number
  readonly timeline?: number
  readonly isDamaged?: boolean
}

function backupOf({ agoMs, first, timeline = 1, isDamaged = false }: Made): BackupFacts {
  const endedMs = nowMs - agoMs
  return {
    id: `b${String(first)}`,
    kind: 'full',
    parent: undefined,
    timeline,
    startLsn: BigInt(first) * BigInt(size) + 40n,
    stopLsn: BigInt(first + 3) * BigInt(size),
    startedAt: endedMs * 1000,
    endedAt: endedMs * 1000,
    isDamaged,
    rawBytes: 1,
    storedBytes: 1,
  }
}

const timesOf = (made: readonly Made[], rules: Partial<RetentionRules>): LockTimes =>
  lockTimes(made.map(backupOf), rulesOf(rules), size, nowMs)
const daysOf = (times: LockTimes, number: number, timeline = 1): number | undefined => {
  const time = times.wal(timeline, BigInt(number))
  return time && (time.untilMs - nowMs) / day
}

describe('WAL', () => {
  const daily = Array.from({ length: 10 }, (_, i) => ({ agoMs: (9 - i) * day, first: i * 100 }))

  test('is locked for as long as the last backup before it, when every moment since the oldest is kept', () => {
    const times = timesOf(daily, { withinMs: 30 * day })
    expect([0, 50, 99, 100, 950].map(number => daysOf(times, number))).toEqual([21, 21, 21, 22, 30])
  })

  test('that is older than every backup is not locked', () => {
    expect(daysOf(timesOf([{ agoMs: day, first: 10 }], { withinMs: 30 * day }), 9)).toBeUndefined()
  })

  test('of a window is locked until the next backup is as old as that, and what makes a backup consistent for as long as that', () => {
    const times = timesOf(daily, { withinMs: 30 * day, walMs: 7 * day })
    // Before the window, only what each backup needs itself.
    expect([0, 2, 3, 99].map(number => daysOf(times, number))).toEqual([21, 21, undefined, undefined])
    expect([203, 303, 899].map(number => daysOf(times, number))).toEqual([1, 2, 7])
    expect(times.wal(1, 950n)).toEqual({
      untilMs: nowMs + 7 * day,
      reason: 'within the window of 7d 00h',
      isOpen: true,
    })
  })

  test('of an older timeline is not needed any more once a backup of the newer one is as old as the window', () => {
    const made = [
      { agoMs: 9 * day, first: 0 },
      { agoMs: 8 * day, first: 100, timeline: 2 },
    ]
    const times = timesOf(made, { last: 2, walMs: 7 * day })
    expect(daysOf(times, 50, 1)).toBeUndefined()
    expect(daysOf(times, 150, 2)).toBe(7)
  })

  const rules = fc.record({
    withinMs: fc.option(fc.integer({ min: day, max: 40 * day }), { nil: undefined }),
    last: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
    daily: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
    walMs: fc.option(fc.integer({ min: day, max: 20 * day }), { nil: undefined }),
  })
  const history = fc
    .array(
      fc.record({
        gapMs: fc.integer({ min: hour, max: 5 * day }),
        isDamaged: fc.integer({ max: 8 }).map(n => n === 0),
        segments: fc.integer({ min: 3, max: 20 }),
      }),
      { minLength: 1, maxLength: 12 },
    )
    .map(steps => {
      let [agoMs, first] = [steps.reduce((sum, { gapMs }) => sum + gapMs, 0), 0]
      return steps.map(({ gapMs, isDamaged, segments }) => {
        agoMs -= gapMs
        first += segments
        return { agoMs, first, isDamaged }
      })
    })

  test('that a kept backup needs is locked at least as long as the backup', () => {
    fc.assert(
      fc.property(history, rules, (made, given) => {
        const times = timesOf(made, given)
        for (const { id, untilMs } of times.backups) {
          const first = Number(id.slice(1))
          for (let n = first; n < first + 3; n++)
            expect(times.wal(1, BigInt(n))?.untilMs ?? 0).toBeGreaterThanOrEqual(untilMs)
        }
      }),
    )
  })

  test('is locked without a gap from the backup on with which the window begins', () => {
    fc.assert(
      fc.property(history, rules, (made, given) => {
        const times = timesOf(made, given)
        const { walFrom } = planRetention(made.map(backupOf), rulesOf(given), nowMs)
        if (!walFrom) return
        const end = (made.at(-1)?.first ?? 0) + 30
        for (let n = Number(walFrom.id.slice(1)); n < end; n++)
          expect(times.wal(1, BigInt(n))?.untilMs ?? 0, String(n)).toBeGreaterThan(nowMs)
      }),
    )
  })

  test('has the same answer between two boundaries', () => {
    fc.assert(
      fc.property(history, rules, (made, given) => {
        const times = timesOf(made, given)
        const boundaries = new Set(times.boundaries(1))
        for (let n = 1n; n < 300n; n++)
          if (!boundaries.has(n)) expect(times.wal(1, n)).toEqual(times.wal(1, n - 1n))
      }),
      { numRuns: 30 },
    )
  })
})

describe('backups', () => {
  test('that no rule gives a time, and the last good one, are locked for a day at least', () => {
    const [only] = timesOf([{ agoMs: 400 * day, first: 0 }], { withinMs: 30 * day }).backups
    expect((only?.untilMs ?? 0) - nowMs).toBe(day)
  })

  test('that are not kept are not locked', () => {
    const made = [
      { agoMs: 40 * day, first: 0 },
      { agoMs: day, first: 10 },
    ]
    expect(timesOf(made, { withinMs: 30 * day }).backups.map(({ id }) => id)).toEqual(['b10'])
  })
})

describe('a lock', () => {
  test.each([
    ['is set when none is known', 30, undefined, false, true],
    ['is left alone when it is long enough', 30, 30, false, false],
    ['is not extended for a tenth of its time', 30, 28, false, false],
    ['is extended for more', 30, 26, false, true],
    ['that goes on with the clock is extended when half of its time is over', 7, 4, true, false],
    ['that goes on with the clock is extended then', 7, 3, true, true],
    ['that has ended is set again', 1, -1, false, true],
    ['is not set for a time that is over', -1, undefined, false, false],
  ])('%s', (_, wantedDays, lockedDays, isOpen, expected) => {
    const lockedMs = lockedDays === undefined ? undefined : nowMs + lockedDays * day
    expect(isDue({ untilMs: nowMs + wantedDays * day, isOpen }, lockedMs, nowMs)).toBe(expected)
  })
})
