/** Decides which jobs are to be started now, and when to look again. Decides only; the clock is an argument. */
import { hour, minute } from '../../base/units.ts'
import { lastRun, nextRun } from '../../schedule/schedule.ts'
import { opensMs } from '../../schedule/day-window.ts'
import type { Cause, Job, JobMemory } from './job.ts'

export interface Circumstances {
  readonly nowMs: number
  /** Since when somebody has been here to start what is due. */
  readonly sinceMs: number
  /** How many jobs may run at the same time. */
  readonly parallel: number
  /** By what kinds are busy besides the jobs that are planned: a service, a job that the configuration no longer has. */
  readonly busyKinds?: ReadonlyMap<string, string>
  /** Asked for by hand: at once, whatever the schedule and the window say. */
  readonly asked?: ReadonlySet<string>
}

export interface Start {
  readonly name: string
  readonly kind: string
  readonly dueMs: number
  readonly attempt: number
  readonly cause: Cause
}

/** How a job stands, for people. */
export interface Standing {
  readonly name: string
  readonly state: 'running' | 'starting' | 'waiting' | 'scheduled'
  /** When it will be started, as far as time alone decides. */
  readonly nextMs: number
  /** Why it waits, though it is due. */
  readonly reason: string | undefined
}

export interface JobPlan {
  readonly starts: readonly Start[]
  readonly standings: readonly Standing[]
  /** Nothing changes by time alone before this. */
  readonly wakeMs: number
}

export type Memories = ReadonlyMap<string, JobMemory>

/** A clock that was put back by more than this is believed; by less, nothing is done twice. */
const clockBackMsMax = hour
/** A run that is so much late, and was due before somebody was here, was missed. */
const lateMsMax = 10 * minute

/** What is remembered of a job that is new, or has a new schedule: nothing is made up for. */
export function memoryOf(job: Job, known: JobMemory | undefined, nowMs: number): JobMemory {
  if (known?.scheduleText === job.schedule.text)
    return known.settledMs > nowMs + clockBackMsMax
      ? { ...known, settledMs: nowMs, trying: undefined }
      : known
  const { history = [], running } = known ?? {}
  return { scheduleText: job.schedule.text, settledMs: nowMs, trying: undefined, running, history }
}

export function planJobs(jobs: readonly Job[], memories: Memories, now: Circumstances): JobPlan {
  const demands = jobs.map(job => demandOf(job, memoryOf(job, memories.get(job.name), now.nowMs), now))
  const running = demands.filter(({ isRunning }) => isRunning)
  const busy = new Map(now.busyKinds)
  for (const { job } of running) busy.set(job.kind, job.name)
  let free = now.parallel - running.length
  const starts: Start[] = []
  const standings = new Map<string, Standing>()
  for (const demand of demands.toSorted(inOrder)) {
    const { job, isRunning, start, startMs } = demand
    const told = (state: Standing['state'], reason?: string): void => {
      standings.set(job.name, { name: job.name, state, nextMs: startMs, reason })
    }
    const other = busy.get(job.kind)
    if (isRunning) told('running')
    else if (!start) told(demand.reason === undefined ? 'scheduled' : 'waiting', demand.reason)
    else if (other !== undefined) told('waiting', `"${other}" runs, and two of a kind never do at once`)
    else if (free <= 0) told('waiting', `as many jobs run as may: ${String(now.parallel)}`)
    else {
      told('starting')
      starts.push(start)
      busy.set(job.kind, job.name)
      free--
    }
  }
  return {
    starts,
    standings: jobs.flatMap(({ name }) => standings.get(name) ?? []),
    wakeMs: Math.min(...demands.map(({ startMs }) => startMs).filter(ms => ms > now.nowMs)),
  }
}

interface Demand {
  readonly job: Job
  readonly isRunning: boolean
  /** When it is to be started now, as far as it is asked alone. */
  readonly start: Start | undefined
  readonly startMs: number
  readonly reason?: string
}

/** What was asked for by hand goes first, then what has been due for longest. */
const inOrder = (a: Demand, b: Demand): number =>
  Number(b.start?.cause === 'hand') - Number(a.start?.cause === 'hand') ||
  (a.start?.dueMs ?? a.startMs) - (b.start?.dueMs ?? b.startMs) ||
  (a.job.name < b.job.name ? -1 : 1)

function demandOf(job: Job, memory: JobMemory, now: Circumstances): Demand {
  const { nowMs } = now
  const { name, kind } = job
  const scheduledMs = nextStartMs(job, nowMs)
  const isRunning = memory.running !== undefined
  if (isRunning) return { job, isRunning, start: undefined, startMs: scheduledMs }
  const dueMs = dueRun(job, nowMs)
  const isDue = dueMs > memory.settledMs && !isPassedOver(job, dueMs, memory, now)
  const trying = memory.trying?.dueMs === dueMs ? memory.trying : undefined
  const attempt = (trying?.attempts ?? 0) + 1
  if (now.asked?.has(name) === true)
    return {
      job,
      isRunning,
      start: { name, kind, dueMs: isDue ? dueMs : nowMs, attempt, cause: 'hand' },
      startMs: nowMs,
    }
  if (!isDue) return { job, isRunning, start: undefined, startMs: scheduledMs }
  const pausedMs = trying?.nextMs ?? 0
  if (pausedMs > nowMs)
    return {
      job,
      isRunning,
      start: undefined,
      startMs: pausedMs,
      reason: `attempt ${String(attempt)} is after a pause`,
    }
  const openMs = job.window ? opensMs(job.window, job.zone, nowMs) : nowMs
  if (openMs > nowMs)
    return { job, isRunning, start: undefined, startMs: openMs, reason: 'its window is closed' }
  const isLate = dueMs + delayOf(job, dueMs) + lateMsMax < nowMs && dueMs < now.sinceMs
  const cause: Cause = attempt > 1 ? 'retry' : isLate ? 'catch-up' : 'schedule'
  return { job, isRunning, start: { name, kind, dueMs, attempt, cause }, startMs: nowMs }
}

/** The latest run that should have been started by now: of several that were missed only this one is made up for. */
export function dueRun(job: Job, nowMs: number): number {
  const last = lastRun(job.schedule, job.zone, nowMs)
  return last + delayOf(job, last) <= nowMs ? last : lastRun(job.schedule, job.zone, last - 1)
}

function nextStartMs(job: Job, nowMs: number): number {
  const last = lastRun(job.schedule, job.zone, nowMs)
  const lastStartMs = last + delayOf(job, last)
  if (lastStartMs > nowMs) return lastStartMs
  const next = nextRun(job.schedule, job.zone, nowMs)
  return next + delayOf(job, next)
}

function delayOf(job: Job, dueMs: number): number {
  return Math.floor(job.share * spreadOf(job, dueMs))
}

/** How much later than due a run starts at most. */
export function spreadOf({ schedule, zone, spreadMs }: Job, dueMs: number): number {
  return spreadMs === 0 ? 0 : Math.min(spreadMs, (nextRun(schedule, zone, dueMs) - dueMs) / 4)
}

function isPassedOver(job: Job, dueMs: number, { trying }: JobMemory, now: Circumstances): boolean {
  if (job.catchUp || trying?.dueMs === dueMs) return false
  return dueMs + delayOf(job, dueMs) + lateMsMax < now.nowMs && dueMs < now.sinceMs
}
