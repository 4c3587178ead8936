/** Months of alerts in seconds: trouble that comes, goes and jumps about, sinks that are down, agents that are killed. */
import { describe, expect, test } from 'vitest'
import { day, hour, minute } from '../../src/base/units.ts'
import { levelOf, type AlertRules, type Level } from '../../src/policy/alerts/alert.ts'
import { afterLook, emptyDesk, withOutbox, type AlertDesk } from '../../src/policy/alerts/desk.ts'
import { keyOf, type Finding, type Severity } from '../../src/policy/alerts/finding.ts'
import type { Notice } from '../../src/policy/alerts/notice.ts'
import { batchOf, delivered, failed } from '../../src/policy/alerts/outbox.ts'
import { randomFrom, type Random } from '../support/random.ts'

const rules: AlertRules = {
  afterMs: 2 * minute,
  overAfterMs: 5 * minute,
  repeatMsFirst: hour,
  repeatMsMost: day,
  flappingTimes: 4,
  flappingWithinMs: 2 * hour,
}
const sinks = [
  { name: 'mail', min: 'warning' as const, only: undefined },
  { name: 'oncall', min: 'critical' as const, only: undefined },
]
const codes = ['backup-late', 'repository-unreachable', 'archiver-behind', 'job-failed', 'window-gap']

interface Trouble {
  readonly code: string
  state: Severity | undefined
  untilMs: number
  /** How it behaves: stays for long, or jumps about. */
  isJumpy: boolean
}

interface Received {
  readonly sink: string
  readonly notice: Notice
  readonly atMs: number
}

interface Life {
  readonly received: readonly Received[]
  readonly kills: number
  readonly desk: AlertDesk
  readonly seen: ReadonlyMap<string, Severity | undefined>
  /** Alerts that a sink had to be told of, remembered by the agent. */
  readonly owed: ReadonlySet<string>
}

const findingOf = (code: string, state: Severity): Finding => ({
  code,
  state,
  repository: 'main',
  subject: null,
  message: `${code} for a while`,
  fix: 'Do something.',
  runbook: null,
})

const copyOf = (desk: AlertDesk): AlertDesk => ({
  alerts: new Map(JSON.parse(JSON.stringify([...desk.alerts])) as [string, never][]),
  outboxes: new Map(JSON.parse(JSON.stringify([...desk.outboxes])) as [string, never][]),
})

/** One life, from a seed; the promises that can be seen at each step are asserted there. */
function live(seed: number, days: number): Life {
  const random = randomFrom(seed)
  const beginMs = Date.parse('2026-02-01T00:00Z')
  const endMs = beginMs + days * day
  // At the end nothing changes any more, and all sinks are there.
  const calmMs = endMs - 2 * day
  const troubles = codes.map((code): Trouble => ({
    code,
    state: undefined,
    untilMs: beginMs,
    isJumpy: false,
  }))
  const received: Received[] = []
  const owed = new Set<string>()
  const seenSince = new Map<string, { level: Level; ms: number }>()
  const lastSeenMs = new Map<string, number>()
  let desk = emptyDesk
  let kills = 0
  let sinkDownUntilMs = new Map<string, number>()
  let blindUntilMs = 0
  for (let nowMs = beginMs; nowMs < endMs; nowMs += minute + random.integer(0, 2000)) {
    const isCalm = nowMs > calmMs
    if (!isCalm) change(troubles, random, nowMs)
    if (isCalm) {
      blindUntilMs = 0
      sinkDownUntilMs = new Map()
    } else if (random.chance(0.0005)) blindUntilMs = nowMs + random.integer(1, 300) * minute
    if (!isCalm && random.chance(0.001))
      sinkDownUntilMs.set(random.pick(sinks).name, nowMs + random.integer(1, 3000) * minute)
    const isBlind = nowMs < blindUntilMs
    const shown = isBlind ? [] : troubles.flatMap(({ code, state }) => (state ? findingOf(code, state) : []))
    const before = desk
    desk = afterLook(
      desk,
      { atMs: nowMs, findings: shown, isBlindTo: () => isBlind },
      { cluster: 'gathr', sinks, rules, runbooks: undefined },
      new Set(),
    )
    watch(before, shown, isBlind, nowMs)
    const stored = desk
    for (const { notices } of desk.outboxes.values()) expect(notices.length).toBeLessThan(30)
    for (const { name } of sinks) {
      const batch = batchOf(desk.outboxes.get(name)!, name === 'oncall' ? 1 : 20, nowMs)
      if (batch.length === 0) continue
      if (nowMs < (sinkDownUntilMs.get(name) ?? 0)) {
        desk = withOutbox(desk, name, outbox => failed(outbox, 'nobody answers', nowMs))
        continue
      }
      for (const notice of batch) received.push({ sink: name, notice, atMs: nowMs })
      desk = withOutbox(desk, name, outbox => delivered(outbox, batch, nowMs))
    }
    if (!isCalm && random.chance(0.002)) {
      // Killed: all since the look is forgotten, also what was delivered.
      kills++
      desk = copyOf(stored)
      nowMs += random.chance(0.3) ? random.integer(1, 2000) * minute : random.integer(1, 60) * 1000
      seenSince.clear()
    }
  }
  const seen = new Map(troubles.map(({ code, state }) => [keyOf(findingOf(code, 'warning')), state]))
  return { received, kills, desk, seen, owed }

  function watch(before: AlertDesk, shown: readonly Finding[], isBlind: boolean, nowMs: number): void {
    for (const finding of codes.map(code => findingOf(code, 'warning'))) {
      const key = keyOf(finding)
      const level = levelOf(shown.find(one => keyOf(one) === key)?.state)
      const alert = desk.alerts.get(key)
      const was = before.alerts.get(key)?.level ?? 0
      const is = alert?.level ?? 0
      if (isBlind) {
        expect(is).toBe(was)
        seenSince.delete(key)
        continue
      }
      const since = seenSince.get(key)
      if (since?.level !== level) seenSince.set(key, { level, ms: nowMs })
      // What was seen for long enough is told, and nothing that is seen is called over.
      if (since?.level === level && nowMs - since.ms >= rules.afterMs)
        expect(is).toBeGreaterThanOrEqual(level)
      if (level > 0) lastSeenMs.set(key, nowMs)
      if (is === 0 && was > 0) expect(nowMs - lastSeenMs.get(key)!).toBeGreaterThanOrEqual(rules.overAfterMs)
      if (alert && is > 0)
        for (const { name, min } of sinks) if (is >= levelOf(min)) owed.add(`${name} ${alert.id}`)
    }
  }
}

function change(troubles: readonly Trouble[], random: Random, nowMs: number): void {
  for (const trouble of troubles) {
    if (nowMs < trouble.untilMs) continue
    if (random.chance(0.01)) trouble.isJumpy = !trouble.isJumpy
    trouble.state = trouble.state && random.chance(0.8) ? undefined : random.pick(['warning', 'critical'])
    const minutes = trouble.isJumpy ? random.integer(1, 15) : random.integer(1, trouble.state ? 3000 : 9000)
    trouble.untilMs = nowMs + minutes * minute
  }
}

describe('alerts', () => {
  test.each([1, 2, 3, 4])(
    'keep their promises through months of trouble, outages and kills: seed %i',
    seed => {
      const { received, kills, desk, seen, owed } = live(seed, 60)
      expect(kills).toBeGreaterThan(20)
      expect(owed.size).toBeGreaterThan(50)
      for (const { name, min } of sinks) {
        const mine = received.filter(({ sink }) => sink === name)
        const ids = mine.map(({ notice }) => notice.id)
        // At least once, and not much more often.
        for (const one of owed)
          if (one.startsWith(`${name} `))
            expect(
              mine.some(({ notice }) => `${name} ${notice.alertId}` === one && notice.kind === 'opened'),
            ).toBe(true)
        expect(ids.length - new Set(ids).size).toBeLessThanOrEqual(kills)
        // In order: opened first, and nothing after the end but by a kill.
        for (const alertId of new Set(mine.map(({ notice }) => notice.alertId))) {
          const kinds = mine
            .filter(({ notice }) => notice.alertId === alertId)
            .map(({ notice }) => notice.kind)
          expect(kinds[0]).toBe('opened')
        }
        // In the end everybody knows what is so.
        for (const [key, state] of seen) {
          const last = mine.findLast(({ notice }) => keyOf(notice.finding) === key)?.notice
          const isOpen = last !== undefined && last.kind !== 'resolved' && last.kind !== 'withdrawn'
          expect([key, isOpen]).toEqual([key, levelOf(state) >= levelOf(min)])
          if (isOpen) expect(last.finding.state).toBe(state)
        }
        // No storm: with trouble of five kinds that jumps about for weeks, people are told a few times a day.
        expect(new Set(ids).size / 60).toBeLessThan(codes.length * 8)
        expect(desk.outboxes.get(name)?.notices).toEqual([])
      }
    },
  )
})
