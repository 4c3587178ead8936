import { expect, test } from 'vitest'
import { day } from '../base/units.ts'
import { planDrills, type DrillFacts } from './drill-retention.ts'

const startMs = Date.UTC(2026, 0, 5, 4)
const at = (week: number): number => startMs + week * 7 * day

function drill(week: number, more: Partial<DrillFacts> = {}): DrillFacts {
  const id = `${new Date(at(week)).toISOString().replaceAll(/[-:]|\.\d+/g, '')}-drill`
  return { id, endedAt: at(week) * 1000, repository: 'main', kind: 'full', isPassed: true, ...more }
}

const keptWeeks = (drills: readonly DrillFacts[], rules: object, nowMs: number): readonly number[] =>
  planDrills(drills, { timeZone: 'UTC', ...rules }, nowMs)
    .filter(({ reasons }) => reasons.length > 0)
    .map(({ drill: { endedAt } }) => Math.round((endedAt / 1000 - startMs) / (7 * day)))

test('without a rule all reports are kept', () => {
  const drills = [0, 1, 2].map(week => drill(week))
  expect(keptWeeks(drills, {}, at(500))).toEqual([0, 1, 2])
})

test('a rule counts those of each kind and repository by themselves, failed or not', () => {
  const drills = [
    ...[0, 2, 4].map(week => drill(week, { isPassed: week !== 4 })),
    ...[1, 3].map(week => drill(week, { kind: 'dump' })),
    drill(5, { repository: 'second' }),
  ]
  expect(keptWeeks(drills, { drills: { last: 1 } }, at(6))).toEqual([2, 3, 4, 5])
  expect(keptWeeks(drills, { drills: { withinMs: 28 * day } }, at(6))).toEqual([2, 3, 4, 5])
})

test('the last one, and the last that passed, stay however old they are', () => {
  const drills = [drill(0), drill(1, { isPassed: false }), drill(2, { isPassed: false })]
  const plan = planDrills(drills, { timeZone: 'UTC', drills: { withinMs: day } }, at(500))
  expect(plan.map(({ reasons }) => reasons.map(({ text }) => text))).toEqual([
    ['the last drill of full from main that passed'],
    [],
    ['the last drill of full from main'],
  ])
})

test('what somebody holds stays', () => {
  const drills = [drill(0), drill(1)]
  const held = { rule: 'held', text: 'held: the auditors', untilMs: undefined, isSure: true } as const
  const more = new Map([[drills[0]?.id ?? '', [held]]])
  const [first] = planDrills(drills, { timeZone: 'UTC', drills: { last: 1 } }, at(2), more)
  expect(first?.reasons).toEqual([held])
})
