import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { day } from '../base/units.ts'
import {
  planArchived,
  planArchiving,
  planOne,
  type Archived,
  type ArchiveCandidate,
  type ArchiveRule,
} from './archiving.ts'

const at = (text: string): number => Date.parse(text)
const monthly: ArchiveRule = {
  name: 'monthly',
  every: 'month',
  pick: 'first',
  keep: { years: 1 },
  timeZone: 'UTC',
}
const candidate = (endedAt: string, obstacle?: string): ArchiveCandidate => ({
  id: `${endedAt.slice(0, 10).replaceAll('-', '')}T020000Z-full`,
  endedMs: at(endedAt),
  obstacle,
})
const nightly = (from: string, days: number): readonly ArchiveCandidate[] =>
  Array.from({ length: days }, (_, i) => candidate(new Date(at(from) + i * day).toISOString()))
const chosen = (verdicts: ReturnType<typeof planArchiving>): readonly string[] =>
  verdicts.filter(({ what }) => what === 'archive').map(({ id }) => id)

describe('a rule', () => {
  test('takes the first good one of each month, for a year, and says why the others stay out', () => {
    const verdicts = planArchiving(
      monthly,
      nightly('2026-02-27T02:03:20Z', 5),
      [],
      at('2026-03-05T00:00:00Z'),
    )
    expect(chosen(verdicts)).toEqual(['20260227T020000Z-full', '20260301T020000Z-full'])
    expect(verdicts.find(({ id }) => id.startsWith('20260301'))).toMatchObject({
      untilMs: at('2027-03-01T02:03:20Z'),
      reason: 'the first good one of 2026-03',
    })
    expect(verdicts.find(({ id }) => id.startsWith('20260302'))?.reason).toBe(
      '20260301T020000Z-full is the first good one of 2026-03',
    )
  })

  test('passes over what can not be archived', () => {
    const bad = candidate('2026-03-01T02:00:00Z', 'is damaged')
    const verdicts = planArchiving(
      monthly,
      [bad, candidate('2026-03-02T02:00:00Z')],
      [],
      at('2026-03-05T00:00:00Z'),
    )
    expect(chosen(verdicts)).toEqual(['20260302T020000Z-full'])
    expect(verdicts[0]).toMatchObject({ what: 'left', reason: 'is damaged' })
  })

  test('has its one of a month once it lies in the archive, also when the original is gone', () => {
    const there: Archived = {
      id: '20260301T020000Z-full',
      endedMs: at('2026-03-01T02:03:20Z'),
      keeps: [{ rule: 'monthly', untilMs: at('2027-03-01T02:03:20Z') }],
    }
    const verdicts = planArchiving(
      monthly,
      nightly('2026-03-10T02:00:00Z', 3),
      [there],
      at('2026-03-20T00:00:00Z'),
    )
    expect(chosen(verdicts)).toEqual([])
    expect(verdicts[0]?.reason).toBe('20260301T020000Z-full is the one of 2026-03')
    const byOther = { ...there, keeps: [{ rule: 'yearly', untilMs: undefined }] }
    expect(
      chosen(
        planArchiving(monthly, nightly('2026-03-10T02:00:00Z', 3), [byOther], at('2026-03-20T00:00:00Z')),
      ),
    ).toHaveLength(1)
  })

  test('that takes the last waits for the end of the period', () => {
    const rule: ArchiveRule = { ...monthly, pick: 'last' }
    const nights = nightly('2026-03-29T02:00:00Z', 3)
    expect(chosen(planArchiving(rule, nights, [], at('2026-03-31T22:00:00Z')))).toEqual([])
    expect(chosen(planArchiving(rule, nights, [], at('2026-04-01T00:00:00Z')))).toEqual([
      '20260331T020000Z-full',
    ])
  })

  test('counts months where the user lives', () => {
    const late = candidate('2026-02-28T23:30:00Z')
    const rule = { ...monthly, timeZone: 'Europe/Berlin' }
    expect(planArchiving(rule, [late], [], at('2026-03-02T00:00:00Z'))[0]?.reason).toBe(
      'the first good one of 2026-03',
    )
  })

  test('knows quarters and years, and what is for ever', () => {
    const quarterly: ArchiveRule = { ...monthly, every: 'quarter', keep: 'forever' }
    const verdicts = planArchiving(
      quarterly,
      nightly('2026-05-30T02:00:00Z', 60),
      [],
      at('2026-08-01T00:00:00Z'),
    )
    expect(
      verdicts.filter(({ what }) => what === 'archive').map(({ reason, untilMs }) => [reason, untilMs]),
    ).toEqual([
      ['the first good one of 2026-Q2', undefined],
      ['the first good one of 2026-Q3', undefined],
    ])
  })

  test('does not archive what would be over already', () => {
    const verdicts = planArchiving(
      monthly,
      [candidate('2024-03-01T02:00:00Z')],
      [],
      at('2026-03-05T00:00:00Z'),
    )
    expect(verdicts[0]).toMatchObject({ what: 'left' })
    expect(verdicts[0]?.reason).toContain('which is over')
  })

  const candidates = fc.uniqueArray(
    fc.record({ endedMs: fc.integer({ min: at('2025-01-01'), max: at('2026-12-31') }), isBad: fc.boolean() }),
    { selector: ({ endedMs }) => endedMs, maxLength: 40 },
  )
  const rules = fc.record({
    name: fc.constant('rule'),
    every: fc.constantFrom('week' as const, 'month' as const, 'quarter' as const, 'year' as const),
    pick: fc.constantFrom('first' as const, 'last' as const),
    keep: fc.constantFrom({ years: 1 }, { months: 18 }, { days: 400 }, 'forever' as const),
    timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Pacific/Auckland'),
  })

  test('judges each once, takes only good ones, and has nothing more to do once it was carried out', () => {
    fc.assert(
      fc.property(candidates, rules, (given, rule) => {
        const all = given.map(({ endedMs, isBad }) => ({
          id: String(endedMs),
          endedMs,
          obstacle: isBad ? 'is damaged' : undefined,
        }))
        const nowMs = at('2027-01-01')
        const first = planArchiving(rule, all, [], nowMs)
        expect(first.map(({ id }) => id).sort()).toEqual(all.map(({ id }) => id).sort())
        expect(first.every(({ reason }) => reason !== '')).toBe(true)
        const taken = first.filter(({ what }) => what === 'archive')
        for (const { id } of taken) expect(all.find(one => one.id === id)?.obstacle).toBeUndefined()
        const archived = taken.map(({ id, untilMs }) => ({
          id,
          endedMs: Number(id),
          keeps: [{ rule: 'rule', untilMs }],
        }))
        expect(planArchiving(rule, all, archived, nowMs).filter(({ what }) => what === 'archive')).toEqual([])
        // Nor when any of the originals are gone.
        const some = all.filter((_, i) => i % 2 === 0)
        expect(planArchiving(rule, some, archived, nowMs).filter(({ what }) => what === 'archive')).toEqual(
          [],
        )
      }),
    )
  })
})

test('what is named is archived for as long as is said', () => {
  expect(planOne(candidate('2026-03-01T02:00:00Z'), { months: 18 }, 'UTC')).toMatchObject({
    what: 'archive',
    untilMs: at('2027-09-01T02:00:00Z'),
  })
  expect(planOne(candidate('2026-03-01T02:00:00Z', 'is damaged'), 'forever', 'UTC')).toMatchObject({
    what: 'left',
  })
})

describe('what lies in the archive', () => {
  const one = (id: string, keeps: Archived['keeps'], parent?: string): Archived => ({
    id,
    endedMs: 0,
    keeps,
    parent,
  })
  const until = (rule: string, untilMs: number | undefined) => ({ rule, untilMs })

  test('is kept as long as any note says, and a chain with its last', () => {
    const verdicts = planArchived(
      [
        one('full', []),
        one('incremental', [until('monthly', 100), until('yearly', 900)], 'full'),
        one('old', [until('monthly', 100)]),
        one('foreign', []),
        one('ever', [until('yearly', undefined)]),
      ],
      500,
    )
    const texts = Object.fromEntries(verdicts.map(({ id, reasons }) => [id, reasons.map(({ text }) => text)]))
    expect(texts['full']).toEqual(['incremental is based on it'])
    expect(texts['incremental']).toHaveLength(1)
    expect(texts['old']).toEqual([])
    expect(texts['foreign']).toEqual(['nothing says until when it is kept'])
    expect(texts['ever']).toEqual(['kept by yearly for ever'])
  })

  test('is let go with its chain, once nothing of it is kept', () => {
    const verdicts = planArchived([one('full', []), one('incremental', [until('monthly', 100)], 'full')], 500)
    expect(verdicts.every(({ reasons }) => reasons.length === 0)).toBe(true)
  })
})
