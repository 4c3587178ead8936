/** The backup that the window of WAL begins with: it is there, and it moves on. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { day, hour } from '../base/units.ts'
import type { BackupFacts } from './backup-facts.ts'
import { planRetention, type RetentionPlan, type RetentionRules } from './retention.ts'

const startMs = Date.parse('2026-01-01T00:00Z')
const rulesOf = (walMs: number): RetentionRules => ({ last: 1, minimum: 1, timeZone: 'UTC', walMs })

function backupAt(endedMs: number): BackupFacts {
  return {
    id: new Date(endedMs).toISOString(),
    kind: 'full',
    parent: undefined,
    timeline: 1,
    startLsn: BigInt(endedMs),
    stopLsn: BigInt(endedMs) + 1n,
    startedAt: (endedMs - 60_000) * 1000,
    endedAt: endedMs * 1000,
    isDamaged: false,
    rawBytes: 1,
    storedBytes: 1,
  }
}

const keptOf = ({ verdicts }: RetentionPlan): readonly BackupFacts[] =>
  verdicts.filter(({ reasons }) => reasons.length > 0).map(({ backup }) => backup)

test('the one that the window begins with next is kept, also when no other rule asks for it', () => {
  const week = Array.from({ length: 7 }, (_, i) => backupAt(startMs + i * day))
  const plan = planRetention(week, rulesOf(4 * day), startMs + 6 * day + 10 * hour)
  expect(keptOf(plan)).toEqual([week[2], week[3], week[6]])
  expect(plan.walFrom).toBe(week[2])
  expect(plan.verdicts[3]?.reasons).toEqual([
    {
      rule: 'window',
      text: 'the window of 4d 00h begins with it next',
      untilMs: startMs + 7 * day,
      isSure: true,
    },
  ])
})

test('it moves on, however few are kept, so that WAL does not grow for ever', () => {
  const gaps = fc.array(fc.integer({ min: 60_000, max: 3 * day }), { minLength: 2, maxLength: 60 })
  fc.assert(
    fc.property(gaps, fc.integer({ min: hour, max: 10 * day }), (gapsMs, walMs) => {
      const first = backupAt(startMs)
      let nowMs = startMs
      let stored: readonly BackupFacts[] = [first]
      for (const gapMs of gapsMs) {
        nowMs += gapMs
        const plan = planRetention([...stored, backupAt(nowMs)], rulesOf(walMs), nowMs)
        stored = keptOf(plan)
        const baseMs = (plan.walFrom?.endedAt ?? 0) / 1000
        expect(baseMs <= nowMs - walMs || plan.walFrom?.id === first.id).toBe(true)
        expect(nowMs - baseMs).toBeLessThanOrEqual(2 * walMs + Math.max(...gapsMs))
        expect(stored.length).toBeLessThanOrEqual(3)
      }
    }),
  )
})
