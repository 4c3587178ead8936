import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { day, hour } from '../base/units.ts'
import type { BackupFacts } from './backup-facts.ts'
import { chainOf } from './backup-facts.ts'
import { lastUntilMs, periods } from './keep-rules.ts'
import { planRetention, type RetentionPlan, type RetentionRules } from './retention.ts'

const rulesOf = (rules: Partial<RetentionRules>): RetentionRules => ({
  minimum: 1,
  timeZone: 'UTC',
  ...rules,
})
const at = (text: string): number => Date.parse(text)

function backupAt(text: string | number, more: Partial<BackupFacts> = {}): BackupFacts {
  const endedMs = typeof text === 'number' ? text : at(text)
  const time = new Date(endedMs).toISOString()
  return {
    id: `${time.slice(0, 19).replaceAll(/[-:]/g, '')}Z-full`,
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
    ...more,
  }
}

/** One at two o'clock of each day up to (and with) this one, the oldest first. */
const daysUpTo = (text: string, count: number): BackupFacts[] =>
  Array.from({ length: count }, (_, i) => backupAt(at(text) - (count - 1 - i) * day))
const keptDays = (plan: RetentionPlan): string[] =>
  plan.verdicts.filter(({ reasons }) => reasons.length > 0).map(({ backup }) => backup.id.slice(4, 8))
const reasonsOf = (plan: RetentionPlan, { id }: BackupFacts) =>
  plan.verdicts.find(({ backup }) => backup.id === id)?.reasons ?? []

describe('retention', () => {
  const month = daysUpTo('2026-03-31T02:00Z', 31)
  const nowMs = at('2026-03-31T12:00Z')

  test('keeps everything when no rule says otherwise', () => {
    expect(keptDays(planRetention(month, rulesOf({}), nowMs))).toHaveLength(31)
  })

  test('keeps the newest of so many days, weeks and months, and says when each reason ends', () => {
    const plan = planRetention(month, rulesOf({ daily: 3, weekly: 3, monthly: 2 }), nowMs)
    expect(keptDays(plan)).toEqual(['0322', '0329', '0330', '0331'])
    expect(reasonsOf(plan, backupAt('2026-03-29T02:00Z'))).toEqual([
      {
        rule: 'daily',
        text: 'the newest of 2026-03-29, one of 3 days',
        untilMs: at('2026-04-01'),
        isSure: true,
      },
      {
        rule: 'weekly',
        text: 'the newest of the week of 2026-03-23, one of 3 weeks',
        untilMs: at('2026-04-13'),
        isSure: true,
      },
    ])
    expect(
      reasonsOf(plan, backupAt('2026-03-31T02:00Z')).map(({ rule, untilMs }) => [rule, untilMs]),
    ).toEqual([
      ['minimum', at('2026-04-01T02:00Z')],
      ['daily', at('2026-04-03')],
      ['weekly', at('2026-04-01T02:00Z')],
      ['monthly', at('2026-05-01')],
    ])
  })

  test('keeps what is younger than the given time, to the millisecond', () => {
    const plan = planRetention(month, rulesOf({ withinMs: 2 * day }), at('2026-03-31T02:00Z'))
    expect(keptDays(plan)).toEqual(['0330', '0331'])
    expect(lastUntilMs(reasonsOf(plan, backupAt('2026-03-30T02:00Z')))).toBe(at('2026-04-01T02:00Z'))
  })

  test('counts days as they are in the given zone', () => {
    const backups = [
      backupAt('2026-03-01T22:30Z'),
      backupAt('2026-03-01T23:30Z'),
      backupAt('2026-03-02T22:30Z'),
    ]
    const kept = (timeZone: string) =>
      keptDays(planRetention(backups, rulesOf({ daily: 9, timeZone }), nowMs))
    expect([kept('UTC'), kept('Europe/Berlin')]).toEqual([
      ['0301', '0302'],
      ['0301', '0302'],
    ])
    expect(
      planRetention(backups, rulesOf({ daily: 9, timeZone: 'Europe/Berlin' }), nowMs).verdicts[0]?.reasons,
    ).toHaveLength(1)
    expect(planRetention(backups, rulesOf({ daily: 9 }), nowMs).verdicts[0]?.reasons).toHaveLength(0)
  })

  test('keeps the last good backup, however old, and not a damaged one in its place', () => {
    const old = [backupAt('2020-01-01T02:00Z'), backupAt('2020-01-02T02:00Z', { isDamaged: true })]
    expect(keptDays(planRetention(old, rulesOf({ withinMs: day }), nowMs))).toEqual(['0101'])
    expect(keptDays(planRetention(month, rulesOf({ last: 0, minimum: 2 }), nowMs))).toEqual(['0330', '0331'])
  })

  test('keeps what a kept backup is based on, for as long', () => {
    const full = backupAt('2026-03-01T02:00Z')
    const middle = backupAt('2026-03-02T02:00Z', { kind: 'incremental', parent: full.id })
    const leaf = backupAt('2026-03-31T02:00Z', { kind: 'incremental', parent: middle.id })
    const plan = planRetention([full, middle, leaf], rulesOf({ withinMs: 7 * day }), nowMs)
    for (const backup of [full, middle])
      expect(reasonsOf(plan, backup)).toEqual([
        {
          rule: 'parent',
          text: `${leaf.id} is based on it`,
          untilMs: at('2026-04-29T02:00Z'),
          isSure: false,
        },
      ])
  })

  test('keeps the backup that the window of WAL begins with, until the next one can take its place', () => {
    const weekly = ['2026-03-08T02:00Z', '2026-03-15T02:00Z', '2026-03-22T02:00Z', '2026-03-29T02:00Z'].map(
      text => backupAt(text),
    )
    const plan = planRetention(weekly, rulesOf({ last: 1, walMs: 7 * day }), nowMs)
    expect(keptDays(plan)).toEqual(['0322', '0329'])
    expect(reasonsOf(plan, backupAt('2026-03-22T02:00Z'))).toMatchObject([
      { rule: 'window', untilMs: at('2026-04-05T02:00Z') },
    ])
    expect(plan.walFrom?.id).toBe(backupAt('2026-03-22T02:00Z').id)
    expect(plan.consistentOnly).toEqual([])
  })

  test('needs of backups before the window only the WAL that makes them consistent', () => {
    const plan = planRetention(month, rulesOf({ daily: 10, walMs: 3 * day }), nowMs)
    expect(plan.walFrom?.id).toBe(backupAt('2026-03-28T02:00Z').id)
    expect(plan.consistentOnly.map(({ id }) => id.slice(4, 8))).toEqual([
      '0322',
      '0323',
      '0324',
      '0325',
      '0326',
      '0327',
    ])
    expect(planRetention(month, rulesOf({ daily: 10 }), nowMs).walFrom?.id).toBe(
      backupAt('2026-03-22T02:00Z').id,
    )
  })

  test('does not expect a backup to stay the newest of its day when there are several a day', () => {
    const hourly = Array.from({ length: 40 }, (_, i) => backupAt(at('2026-03-31T11:00Z') - i * hour))
    const [newest] = hourly
    if (!newest) throw new Error('there is one')
    const plan = planRetention(hourly, rulesOf({ daily: 30 }), nowMs)
    expect(reasonsOf(plan, newest)).toMatchObject([
      { rule: 'minimum', isSure: false },
      { rule: 'daily', untilMs: at('2026-03-31T12:00Z'), isSure: false },
    ])
    expect(reasonsOf(plan, backupAt('2026-03-30T23:00Z'))).toMatchObject([
      { rule: 'daily', untilMs: at('2026-04-29T00:00Z'), isSure: true },
    ])
  })
})

describe('retention, over random histories', () => {
  const startMs = at('2026-01-01T00:00Z')
  const gaps = fc.array(
    fc.record({
      gapMs: fc.oneof(fc.integer({ min: 60_000, max: 3 * hour }), fc.integer({ min: hour, max: 9 * day })),
      isDamaged: fc.integer({ max: 9 }).map(n => n === 0),
      parent: fc.option(fc.nat({ max: 3 }), { nil: undefined }),
    }),
    { maxLength: 25 },
  )
  type Gap = typeof gaps extends fc.Arbitrary<(infer T)[]> ? T : never
  const historyFrom = (fromMs: number, given: readonly Gap[]): BackupFacts[] => {
    const backups: BackupFacts[] = []
    let ms = fromMs
    for (const { gapMs, isDamaged, parent } of given) {
      ms += gapMs
      const base = parent === undefined ? undefined : backups.at(-1 - parent)
      backups.push(
        backupAt(ms, {
          isDamaged,
          parent: base?.id,
          kind: base ? 'incremental' : 'full',
          id: `b${String(ms)}`,
        }),
      )
    }
    return backups
  }
  const count = fc.option(fc.nat({ max: 5 }), { nil: undefined })
  const duration = fc.option(fc.integer({ min: 0, max: 20 * day }), { nil: undefined })
  const someRules: fc.Arbitrary<RetentionRules> = fc.record({
    last: count,
    withinMs: duration,
    hourly: count,
    daily: count,
    weekly: count,
    monthly: count,
    yearly: count,
    walMs: duration,
    minimum: fc.integer({ min: 1, max: 3 }),
    timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/Sao_Paulo'),
  })
  const isGood = (backup: BackupFacts, backups: readonly BackupFacts[]) =>
    chainOf(backup, backups)?.every(({ isDamaged }) => !isDamaged) === true
  const keptIds = (plan: RetentionPlan) =>
    plan.verdicts.filter(({ reasons }) => reasons.length > 0).map(({ backup }) => backup.id)
  const endOf = (backups: readonly BackupFacts[]) =>
    Math.max(startMs, ...backups.map(({ endedAt }) => endedAt / 1000))

  test('the newest good backups are kept, and with each everything it is based on', () => {
    fc.assert(
      fc.property(gaps, someRules, fc.integer({ min: 0, max: 400 * day }), (given, rules, laterMs) => {
        const backups = historyFrom(startMs, given)
        const kept = keptIds(planRetention(backups, rules, endOf(backups) + laterMs))
        const good = backups.filter(backup => isGood(backup, backups)).slice(-rules.minimum)
        for (const { id } of good) expect(kept).toContain(id)
        for (const id of kept) {
          const parent = backups.find(backup => backup.id === id)?.parent
          if (parent !== undefined) expect(kept).toContain(parent)
        }
      }),
    )
  })

  test('removing what is not kept changes nothing for the rest', () => {
    fc.assert(
      fc.property(gaps, someRules, (given, rules) => {
        const backups = historyFrom(startMs, given)
        const kept = keptIds(planRetention(backups, rules, endOf(backups)))
        const rest = backups.filter(({ id }) => kept.includes(id))
        expect(keptIds(planRetention(rest, rules, endOf(backups)))).toEqual(kept)
      }),
    )
  })

  test('a reason that is sure lasts as long as it says, whatever backups are made', () => {
    fc.assert(
      fc.property(
        gaps,
        gaps,
        someRules,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (given, more, rules, part) => {
          const backups = historyFrom(startMs, given)
          const nowMs = endOf(backups)
          const later = historyFrom(nowMs, more)
          for (const { backup, reasons } of planRetention(backups, rules, nowMs).verdicts) {
            for (const { untilMs, isSure } of reasons) {
              if (!isSure || untilMs === undefined) continue
              const thenMs = Math.floor(nowMs + part * (untilMs - 1 - nowMs))
              if (thenMs < nowMs) continue
              const then = [...backups, ...later.filter(({ endedAt }) => endedAt / 1000 <= thenMs)]
              expect(keptIds(planRetention(then, rules, thenMs))).toContain(backup.id)
            }
          }
        },
      ),
      { numRuns: 200 },
    )
  })

  test('no rule of a period keeps more than it says', () => {
    fc.assert(
      fc.property(gaps, someRules, (given, rules) => {
        const { verdicts } = planRetention(historyFrom(startMs, given), rules, startMs + 300 * day)
        for (const period of periods) {
          const kept = verdicts.filter(({ reasons }) => reasons.some(({ rule }) => rule === period))
          expect(kept.length).toBeLessThanOrEqual(rules[period] ?? 0)
        }
      }),
    )
  })

  test('WAL is kept from a kept backup on that is as old as the window', () => {
    fc.assert(
      fc.property(gaps, someRules, (given, rules) => {
        const backups = historyFrom(startMs, given)
        const nowMs = endOf(backups)
        const plan = planRetention(backups, rules, nowMs)
        const good = backups.filter(backup => isGood(backup, backups))
        expect(plan.walFrom !== undefined).toBe(good.length > 0)
        if (!plan.walFrom) return
        expect(keptIds(plan)).toContain(plan.walFrom.id)
        const { walMs } = rules
        const isOldEnough = walMs === undefined || plan.walFrom.endedAt / 1000 <= nowMs - walMs
        expect(isOldEnough || plan.walFrom.id === good[0]?.id).toBe(true)
      }),
    )
  })
})

describe('snapshots', () => {
  const snapshotAt = (text: string): BackupFacts => {
    const backup = backupAt(text)
    return { ...backup, id: backup.id.replace('full', 'snapshot'), kind: 'snapshot' }
  }
  const now = at('2026-03-10T12:00:00Z')
  const ids = (plan: RetentionPlan): string[] =>
    plan.verdicts.filter(({ reasons }) => reasons.length > 0).map(({ backup }) => backup.id.slice(4))

  test('have rules of their own, and do not take the place of backups', () => {
    const backups = [
      backupAt('2026-03-01T02:00:00Z'),
      snapshotAt('2026-03-08T02:00:00Z'),
      snapshotAt('2026-03-09T02:00:00Z'),
      snapshotAt('2026-03-10T02:00:00Z'),
    ]
    const plan = planRetention(backups, rulesOf({ last: 1, snapshots: { last: 2 } }), now)
    expect(ids(plan)).toEqual(['0301T020000Z-full', '0309T020000Z-snapshot', '0310T020000Z-snapshot'])
    expect(plan.walFrom?.id).toBe(backups[0]?.id)
  })

  test('do not begin the window of WAL, but what makes them consistent is kept', () => {
    const backups = [snapshotAt('2026-03-01T02:00:00Z'), backupAt('2026-03-05T02:00:00Z')]
    const plan = planRetention(backups, rulesOf({ last: 1, walMs: 7 * day, snapshots: { last: 1 } }), now)
    expect(plan.walFrom?.kind).toBe('full')
    expect(plan.consistentOnly.map(({ kind }) => kind)).toEqual(['snapshot'])
  })

  test('count as all others do where there is nothing else', () => {
    const backups = [snapshotAt('2026-03-01T02:00:00Z'), snapshotAt('2026-03-02T02:00:00Z')]
    const plan = planRetention(backups, rulesOf({ last: 0, snapshots: { last: 0 } }), now)
    expect(ids(plan)).toEqual(['0302T020000Z-snapshot'])
    expect(plan.walFrom?.id).toBe(backups[1]?.id)
  })
})

describe('where timelines parted', () => {
  const onTimeline = (text: string, timeline: number, startLsn: bigint): BackupFacts =>
    backupAt(text, { timeline, startLsn, stopLsn: startLsn + 1n })
  const path = [
    { timeline: 1, beginLsn: 0n, endLsn: 50n },
    { timeline: 2, beginLsn: 50n, endLsn: undefined },
  ]
  const before = onTimeline('2026-03-01T02:00Z', 1, 40n)
  const left = onTimeline('2026-03-10T02:00Z', 1, 150n)
  const later = onTimeline('2026-03-20T02:00Z', 2, 100n)
  const rules = rulesOf({ last: 1, walMs: 7 * day })
  const nowMs = at('2026-03-21T00:00Z')

  test('each way that was written on within the window has its first moment, and the backup for that', () => {
    const bases = (plan: RetentionPlan): string[] => plan.walBases.map(({ id }) => id)
    expect(bases(planRetention([before, left, later], rules, nowMs))).toEqual([left.id])
    const plan = planRetention([before, left, later], rules, nowMs, { paths: [path] })
    expect(bases(plan)).toEqual([left.id, before.id])
    expect(keptDays(plan)).toEqual(['0301', '0310', '0320'])
  })

  test('WAL of an old backup is kept although its log was higher', () => {
    const plan = planRetention([left, later], rulesOf({ last: 2 }), nowMs)
    expect(plan.walBases.map(({ id }) => id)).toEqual([left.id, later.id])
    const windowed = planRetention([left, later], rulesOf({ last: 2, walMs: day / 24 }), nowMs)
    expect(windowed.walFrom?.id).toBe(later.id)
    expect(windowed.consistentOnly.map(({ id }) => id)).toEqual([left.id])
  })
})

describe('clocks', () => {
  test('of a host that is behind do not let its backup go, and what is from the future is not believed', () => {
    const nowMs = at('2026-03-31T12:00Z')
    const month = daysUpTo('2026-03-30T02:00Z', 3)
    const lsn = BigInt(nowMs)
    const behind = backupAt('1999-01-01T00:00Z', { startLsn: lsn, stopLsn: lsn + 1n })
    const ahead = backupAt('2038-01-01T00:00Z', { startLsn: lsn + 5n, stopLsn: lsn + 6n })
    const plan = planRetention([...month, behind], rulesOf({ withinMs: 2 * day }), nowMs)
    expect(reasonsOf(plan, behind).map(({ rule }) => rule)).toContain('within')
    const [reason] = reasonsOf(planRetention([ahead], rulesOf({ withinMs: day }), nowMs), ahead).filter(
      ({ rule }) => rule === 'within',
    )
    expect(reason?.untilMs).toBeLessThan(nowMs + 2 * day)
  })
})
