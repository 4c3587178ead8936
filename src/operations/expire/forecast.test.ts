import fc from 'fast-check'
import { expect, test } from 'vitest'
import { day, hour } from '../../base/units.ts'
import type { BackupFacts } from '../../policy/backup-facts.ts'
import type { KeepReason } from '../../policy/keep-rules.ts'
import type { RetentionRules } from '../../policy/retention.ts'
import { forecastExpiry } from './forecast.ts'
import type { PlaceFacts } from './facts.ts'
import { isRemoved, planExpiry, type PlanRequest } from './plan.ts'

const startMs = Date.UTC(2026, 0, 1, 2)

const backupAt = (endedMs: number, more: Partial<BackupFacts> = {}): BackupFacts => ({
  id: new Date(endedMs).toISOString(),
  kind: 'full',
  parent: undefined,
  timeline: 1,
  startLsn: BigInt(Math.round((endedMs - startMs) / 1000)) * 0x100n + 0x1000000n,
  stopLsn: BigInt(Math.round((endedMs - startMs) / 1000)) * 0x100n + 0x1000100n,
  startedAt: endedMs * 1000,
  endedAt: endedMs * 1000,
  isDamaged: false,
  rawBytes: 0,
  storedBytes: 0,
  ...more,
})

function requestOf(
  backups: readonly BackupFacts[],
  rules: Partial<RetentionRules>,
  nowMs: number,
  more: PlanRequest['more'] = new Map(),
): PlanRequest {
  const facts: PlaceFacts = {
    backups: backups.map(one => ({
      facts: one,
      endedAt: new Date(one.endedAt / 1000).toISOString(),
      storedBytes: 0,
      flaw: undefined,
    })),
    summaries: [],
    dumps: [],
    managed: [],
    drills: [],
    unreadable: [],
    awaiting: [],
    isWalUnsure: false,
    folders: { backup: [], dump: [] },
    stretches: [],
    isOriginKnown: () => true,
    paths: [],
    lost: [],
  }
  return {
    facts,
    rules: { minimum: 1, timeZone: 'UTC', ...rules },
    more,
    doubts: new Map(),
    nowMs,
    segmentSizeBytes: 1 << 24,
    otherHolder: { backup: undefined, dump: undefined },
  }
}

const daily = (count: number): readonly BackupFacts[] =>
  Array.from({ length: count }, (_, i) => backupAt(startMs + i * day))
const goneDays = (request: PlanRequest): readonly (number | undefined)[] =>
  forecastExpiry(request).items.map(({ goneMs }) =>
    goneMs === undefined ? undefined : Math.round((goneMs - request.nowMs) / day),
  )

test('what is kept for a span goes with the first expiry after it', () => {
  const request = requestOf(daily(3), { withinMs: 10 * day }, startMs + 2 * day + hour)
  expect(goneDays(request)).toEqual([8, 9, 10])
})

test('what is counted goes when as many newer ones have come, at the pace of the last ones', () => {
  const request = requestOf(daily(3), { last: 5 }, startMs + 2 * day + hour)
  expect(goneDays(request)).toEqual([3, 4, 5])
})

test('the newest of a month is kept as long as months are', () => {
  const request = requestOf(daily(31), { daily: 7, monthly: 3 }, startMs + 30 * day + hour)
  const days = goneDays(request)
  expect(days.slice(0, 3)).toEqual([0, 0, 0])
  // The newest of January: until April has one.
  expect(days.at(-1)).toBe(60)
})

test('a hold without an end keeps it for ever, and one with an end until then', () => {
  const held = (untilMs: number | undefined): readonly KeepReason[] => [
    { rule: 'held', text: 'held: case 4711', untilMs, isSure: true },
  ]
  const [first, second] = daily(2)
  if (!first || !second) throw new Error('there are two')
  const more = new Map([
    [first.id, held(undefined)],
    [second.id, held(startMs + 50 * day)],
  ])
  const request = requestOf([first, second], { withinMs: 10 * day }, startMs + day + hour, more)
  const { items } = forecastExpiry(request)
  expect(items.map(({ because }) => because)).toEqual(['held: case 4711', 'held: case 4711'])
  expect(goneDays(request)).toEqual([undefined, 49])
})

test('where no rule lets anything go, nothing ever goes', () => {
  expect(goneDays(requestOf(daily(3), {}, startMs + 3 * day))).toEqual([undefined, undefined, undefined])
})

/**
 * The model is the world: backups are made, once a day, at the pace of the history, and expiry runs. What the forecast says is
 * what happens.
 */
test('what is foretold is what happens when backups are made as before', () => {
  const rules = fc.record(
    {
      last: fc.integer({ min: 1, max: 9 }),
      withinMs: fc.integer({ min: 1, max: 20 }).map(days => days * day),
      daily: fc.integer({ min: 1, max: 9 }),
      weekly: fc.integer({ min: 1, max: 5 }),
      monthly: fc.integer({ min: 1, max: 2 }),
      walMs: fc.integer({ min: 1, max: 12 }).map(days => days * day),
    },
    { requiredKeys: ['last'] },
  )
  fc.assert(
    fc.property(rules, fc.integer({ min: 2, max: 12 }), (given, count) => {
      const nowMs = startMs + (count - 1) * day + hour
      const request = requestOf(daily(count), given, nowMs)
      const untilMs = nowMs + 200 * day
      const foretold = forecastExpiry(request).items.map(({ item, goneMs }) => [
        item.id,
        goneMs !== undefined && goneMs < untilMs ? goneMs : undefined,
      ])
      expect(foretold).toEqual(happens(daily(count), given, nowMs))
    }),
    { numRuns: 40 },
  )
})

function happens(
  present: readonly BackupFacts[],
  rules: Partial<RetentionRules>,
  nowMs: number,
): readonly (readonly [string, number | undefined])[] {
  const gone = new Map<string, number>()
  let there = [...present]
  for (let atMs = nowMs; atMs < nowMs + 200 * day; atMs += day) {
    if (atMs > nowMs) there.push(backupAt(atMs - hour))
    const removed = planExpiry(requestOf(there, rules, atMs)).items.filter(isRemoved)
    for (const { id } of removed) gone.set(id, atMs)
    there = there.filter(({ id }) => !gone.has(id))
  }
  return present.map(({ id }) => [id, gone.get(id)])
}
