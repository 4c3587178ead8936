/** Months of an agent's life in seconds: jobs that fail, hang and last, hosts that are down, agents that are killed. */
import { describe, expect, test } from 'vitest'
import { day, hour, minute, second } from '../../src/base/units.ts'
import { dueRun, memoryOf, planJobs, type Start } from '../../src/policy/jobs/plan-jobs.ts'
import type { Job, JobMemory, Outcome } from '../../src/policy/jobs/job.ts'
import { rememberEnd, rememberStart } from '../../src/policy/jobs/remember.ts'
import { parseSchedule } from '../../src/schedule/parse-schedule.ts'
import { opensMs, parseDayWindow } from '../../src/schedule/day-window.ts'
import { zoneOf } from '../../src/schedule/time-zone.ts'
import { nextRun } from '../../src/schedule/schedule.ts'
import { randomFrom } from '../support/random.ts'

const zone = zoneOf('Europe/Berlin')

function job(name: string, kind: string, at: string, more: Partial<Job> = {}): Job {
  return {
    name,
    kind,
    schedule: parseSchedule(at),
    zone,
    spreadMs: 5 * minute,
    share: 0.4,
    window: undefined,
    catchUp: true,
    attemptsMax: 3,
    pauseMsFirst: minute,
    pauseMsMax: hour,
    ...more,
  }
}

const jobs = [
  job('backup', 'backup', 'daily at 02:30'),
  job('dump', 'dump', 'daily at 02:00', { window: parseDayWindow('01:00-05:00') }),
  job('orders', 'dump', 'every 2 hours', { attemptsMax: 1 }),
  job('verify', 'verify', 'first monday of the month at 04:00'),
  job('report', 'archive', 'hourly', { catchUp: false }),
]

interface Running {
  readonly start: Start
  readonly endMs: number
  readonly outcome: Outcome
}

interface Told {
  readonly name: string
  readonly atMs: number
  readonly start: Start
  readonly outcome: Outcome | undefined
}

/** One life, from a seed. Promises are asserted at every step; what was started is told. */
function live(seed: number, days: number): readonly Told[] {
  const random = randomFrom(seed)
  const beginMs = Date.parse('2026-02-01T00:00Z')
  const told: Told[] = []
  // What is stored; all that a killed agent leaves behind, with the processes that still run.
  let stored = new Map<string, JobMemory>(jobs.map(one => [one.name, memoryOf(one, undefined, beginMs)]))
  let running = new Map<string, Running>()
  let sinceMs = beginMs
  for (let nowMs = beginMs; nowMs < beginMs + days * day;) {
    for (const [name, { endMs, outcome, start }] of running) {
      if (endMs > nowMs) continue
      running.delete(name)
      end(name, outcome, nowMs, start)
    }
    const plan = planJobs(jobs, stored, { nowMs, sinceMs, parallel: 2 })
    for (const start of plan.starts) begin(start, nowMs)
    if (random.chance(0.003)) nowMs = kill(nowMs)
    else {
      const ends = [...running.values()].map(({ endMs }) => endMs)
      const again = planJobs(jobs, stored, { nowMs, sinceMs, parallel: 2 })
      if (again.starts.length > 0) expect.fail('what was started is not started again')
      nowMs = Math.max(nowMs + 1, Math.min(again.wakeMs, ...ends))
    }
  }
  return told

  function begin(start: Start, nowMs: number): void {
    const found = jobs.find(({ name }) => name === start.name)!
    const memory = stored.get(start.name)!
    // Never two of a kind, never before it is due, never twice, never outside of the window.
    expect([...running.keys()].map(name => jobs.find(one => one.name === name)!.kind)).not.toContain(
      found.kind,
    )
    expect(running.size).toBeLessThan(2)
    expect(start.dueMs).toBeLessThanOrEqual(nowMs)
    expect(start.dueMs).toBeGreaterThan(memory.settledMs)
    expect(start.dueMs).toBe(dueRun(found, nowMs))
    expect(start.attempt).toBeLessThanOrEqual(found.attemptsMax)
    if (found.window) expect(opensMs(found.window, zone, nowMs)).toBe(nowMs)
    stored.set(start.name, rememberStart(memory, start, nowMs))
    const outcome: Outcome = random.chance(0.2)
      ? random.chance(0.5)
        ? 'failed'
        : 'timeout'
      : random.chance(0.1)
        ? 'findings'
        : 'done'
    const lastsMs = random.chance(0.02) ? 5 * hour : second + Math.floor(random.next() * 50 * minute)
    running.set(start.name, { start, endMs: nowMs + lastsMs, outcome })
  }

  function end(name: string, outcome: Outcome, nowMs: number, start: Start): void {
    const found = jobs.find(one => one.name === name)!
    const memory = stored.get(name)!
    expect(memory.running?.startedMs).toBeDefined()
    told.push({ name, atMs: memory.running?.startedMs ?? 0, start, outcome })
    stored.set(name, rememberEnd(found, memory, { outcome, exit: undefined, message: undefined }, nowMs))
  }

  /** The agent is killed, its processes die or live on; after a while somebody starts it again. */
  function kill(nowMs: number): number {
    const downMs = random.chance(0.3)
      ? Math.floor(random.next() * 3 * day)
      : Math.floor(random.next() * 10 * minute)
    stored = new Map(JSON.parse(JSON.stringify([...stored])) as [string, JobMemory][])
    const backMs = nowMs + downMs
    const kept = new Map<string, Running>()
    for (const [name, run] of running) {
      if (run.endMs > backMs && random.chance(0.5)) kept.set(name, run)
      else end(name, run.endMs <= backMs && random.chance(0.5) ? run.outcome : 'lost', backMs, run.start)
    }
    running = kept
    sinceMs = backMs
    return backMs
  }
}

describe('the planner of jobs', () => {
  test('keeps its promises through half a year of failures, downtime and kills', () => {
    for (let seed = 1; seed <= 4; seed++) {
      const told = live(seed, 45)
      for (const one of jobs) {
        const runs = told.filter(({ name }) => name === one.name)
        const succeeded = runs.filter(({ outcome }) => outcome === 'done' || outcome === 'findings')
        // A due run that was done is not done again.
        const dues = succeeded.map(({ start }) => start.dueMs)
        expect(new Set(dues).size).toBe(dues.length)
        expect(runs.length).toBeGreaterThan(0)
      }
    }
  })

  test('without faults every run of the schedule is done, but for those of a kind that was busy', () => {
    const alone = [jobs[0]!]
    let memory = memoryOf(alone[0]!, undefined, Date.parse('2026-03-20T12:00Z'))
    const started: string[] = []
    for (let nowMs = Date.parse('2026-03-20T12:00Z'); nowMs < Date.parse('2026-04-02T12:00Z');) {
      const { starts } = planJobs(alone, new Map([['backup', memory]]), {
        nowMs,
        sinceMs: 0,
        parallel: 2,
      })
      for (const start of starts) {
        started.push(new Date(nowMs).toISOString().slice(5, 16))
        memory = rememberStart(memory, start, nowMs)
        memory = rememberEnd(
          alone[0],
          memory,
          { outcome: 'done', exit: 0, message: undefined },
          nowMs + minute,
        )
      }
      nowMs = planJobs(alone, new Map([['backup', memory]]), { nowMs, sinceMs: 0, parallel: 2 }).wakeMs
    }
    expect(started.slice(6, 11)).toEqual([
      '03-27T01:32',
      '03-28T01:32',
      '03-29T01:02',
      '03-30T00:32',
      '03-31T00:32',
    ])
    expect(started).toHaveLength(13)
  })

  const [backup] = jobs as [Job]
  const base = Date.parse('2026-03-10T12:00Z')
  const planAt = (nowMs: number, memory: JobMemory, more: Partial<Parameters<typeof planJobs>[2]> = {}) =>
    planJobs([backup], new Map([['backup', memory]]), { nowMs, sinceMs: base, parallel: 1, ...more })

  test('makes up once for what was missed, however much it was', () => {
    let memory = memoryOf(backup, undefined, base)
    const backMs = base + 5 * day
    const { starts } = planAt(backMs, memory, { sinceMs: backMs })
    expect(starts).toMatchObject([{ cause: 'catch-up', dueMs: Date.parse('2026-03-15T01:30Z'), attempt: 1 }])
    memory = rememberStart(memory, starts[0]!, backMs)
    memory = rememberEnd(backup, memory, { outcome: 'done', exit: 0, message: undefined }, backMs + hour)
    expect(planAt(backMs + hour, memory).starts).toEqual([])
  })

  test('does not make up for what does not want it', () => {
    const lazy = { ...backup, catchUp: false }
    const memory = memoryOf(lazy, undefined, base)
    const backMs = base + 5 * day
    const plan = planJobs([lazy], new Map([['backup', memory]]), {
      nowMs: backMs,
      sinceMs: backMs,
      parallel: 1,
    })
    expect(plan.starts).toEqual([])
    expect(new Date(plan.wakeMs).toISOString()).toBe('2026-03-16T01:32:00.000Z')
  })

  test('tries again with growing pauses, gives up, and begins anew with the next run', () => {
    let memory = memoryOf(backup, undefined, base)
    const started: number[] = []
    for (let nowMs = base; nowMs < base + 2 * day;) {
      const plan = planAt(nowMs, memory)
      for (const start of plan.starts) {
        started.push((nowMs - start.dueMs) / minute)
        memory = rememberStart(memory, start, nowMs)
        memory = rememberEnd(backup, memory, { outcome: 'failed', exit: 1, message: 'x' }, nowMs)
      }
      nowMs = planAt(nowMs, memory).wakeMs
    }
    expect(started).toEqual([2, 3, 5, 2, 3, 5])
  })

  test('goes on with what was stopped, and does not count it as a failure', () => {
    let memory = memoryOf(backup, undefined, base)
    const dueMs = Date.parse('2026-03-11T01:35Z')
    memory = rememberStart(memory, planAt(dueMs, memory).starts[0]!, dueMs)
    memory = rememberEnd(backup, memory, { outcome: 'stopped', exit: 130, message: undefined }, dueMs)
    expect(planAt(dueMs + 6 * hour, memory).starts).toMatchObject([{ attempt: 1 }])
  })

  test('runs by hand at once, and then not again what had become due', () => {
    let memory = memoryOf(backup, undefined, base)
    const handMs = Date.parse('2026-03-11T01:31Z')
    const { starts } = planAt(handMs, memory, { asked: new Set(['backup']) })
    expect(starts).toMatchObject([{ cause: 'hand' }])
    memory = rememberStart(memory, starts[0]!, handMs)
    expect(planAt(handMs + minute, memory, { asked: new Set(['backup']) }).starts).toEqual([])
    memory = rememberEnd(backup, memory, { outcome: 'done', exit: 0, message: undefined }, handMs + hour)
    // What became due while it ran is another one.
    expect(planAt(handMs + hour, memory).starts).toHaveLength(1)
  })

  test('does nothing twice when the clock is put back a little, and does not wait for years when it was far ahead', () => {
    let memory = memoryOf(backup, undefined, base)
    const dueMs = Date.parse('2026-03-11T01:32Z')
    memory = rememberStart(memory, planAt(dueMs, memory).starts[0]!, dueMs)
    memory = rememberEnd(backup, memory, { outcome: 'done', exit: 0, message: undefined }, dueMs + 1)
    expect(planAt(dueMs - 10 * minute, memory).starts).toEqual([])
    expect(planAt(dueMs, memory).starts).toEqual([])
    const astray = { ...memory, settledMs: Date.parse('2040-01-01T00:00Z') }
    expect(planAt(dueMs + 30 * hour, memoryOf(backup, astray, dueMs)).starts).toHaveLength(1)
  })

  test('begins anew with another schedule', () => {
    const memory = memoryOf(backup, undefined, base)
    const other = { ...backup, schedule: parseSchedule('daily at 03:00') }
    expect(memoryOf(other, memory, base + 9 * day).settledMs).toBe(base + 9 * day)
    expect(nextRun(other.schedule, zone, base)).toBeGreaterThan(base)
  })
})
