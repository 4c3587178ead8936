/**
 * Decides whether what runs by itself did run: each job against its schedule, by what the agent remembers, and by what
 * lies in the repositories, whoever put it there (a timer, a crontab, a person). Touches nothing.
 */
import { limits } from '../../base/limits.ts'
import { formatDuration, formatTime, minute } from '../../base/units.ts'
import { jobFindings } from '../../policy/alerts/agent-findings.ts'
import { findingOf, type FindingCode, type StatusFinding } from '../../policy/findings/finding.ts'
import type { Job, JobMemory, RunRecord } from '../../policy/jobs/job.ts'
import { spreadOf } from '../../policy/jobs/plan-jobs.ts'
import { opensMs } from '../../schedule/day-window.ts'
import { lastRun } from '../../schedule/schedule.ts'

export interface StatedJob {
  readonly job: Job
  /** Words of the command line. */
  readonly command: readonly string[]
}

/** What the agent remembers of each job, by name; undefined where that can not be read, or there is no agent. */
export type KnownMemories = ReadonlyMap<string, JobMemory> | undefined

/** A backup, dump, snapshot or drill that a run has left behind. */
export interface Trace {
  readonly kind: 'full' | 'incremental' | 'snapshot' | 'dump' | 'drill'
  readonly startedMs: number
  readonly durationMs: number
}

export function ofJobs(
  jobs: readonly StatedJob[],
  memories: KnownMemories,
  traces: readonly Trace[],
  nowMs: number,
): readonly StatusFinding[] {
  return jobs.flatMap(stated => {
    const own = traces.filter(({ kind }) => tracesOf(stated).includes(kind))
    const memory = memories?.get(stated.job.name)
    const failed = ofFailure(stated.job, memory, own)
    const isJudged = memories !== undefined || own.length > 0
    return [...failed, ...(isJudged ? ofLateness(stated.job, { memories, memory, own }, nowMs) : [])]
  })
}

/** What it leaves behind; an incremental backup becomes a full one where there is none to begin with. */
function tracesOf({ job: { kind }, command }: StatedJob): readonly Trace['kind'][] {
  if (kind === 'backup') return command.includes('--incremental') ? ['full', 'incremental'] : ['full']
  return kind === 'dump' || kind === 'snapshot' || kind === 'drill' ? [kind] : []
}

const failures: readonly RunRecord['outcome'][] = ['failed', 'refused', 'timeout', 'lost']
const isFailure = ({ outcome }: RunRecord): boolean => failures.includes(outcome)

/** After which nobody made by hand what it should have made. */
function ofFailure(job: Job, memory: JobMemory | undefined, own: readonly Trace[]): readonly StatusFinding[] {
  const last = memory?.history.at(-1)
  if (!last || own.some(({ startedMs }) => startedMs > last.startedMs)) return []
  return jobFindings(job, memory)
}

interface Known {
  readonly memories: KnownMemories
  readonly memory: JobMemory | undefined
  readonly own: readonly Trace[]
}

function ofLateness(job: Job, known: Known, nowMs: number): readonly StatusFinding[] {
  const graceMs = limits.statusLateMs + 2 * usualMs(known)
  const dueMs = expectedRun(job, graceMs, nowMs)
  if (isDone(job, dueMs, known)) return []
  const beforeMs = lastRun(job.schedule, job.zone, dueMs - 1)
  const isMissedTwice =
    known.own.length > 0 && !known.own.some(({ startedMs }) => isSince(startedMs, beforeMs))
  const running = known.memory?.running
  const now = running ? `; a run that began at ${formatTime(running.startedMs)} is still under way` : ''
  return [
    findingOf(lateCodeOf(job), {
      state: isMissedTwice ? 'critical' : 'warning',
      repository: null,
      subject: job.name,
      message: `the job "${job.name}" (${job.schedule.text}) was due at ${formatTime(dueMs)}, ${formatDuration(nowMs - dueMs)} ago, and is not done${now}`,
      fix: `See that the agent runs, or its timers do: \`holdfast agent status\`. By hand: \`holdfast agent run ${job.name}\`.`,
    }),
  ]
}

/** The newest run that should be done by now. */
function expectedRun(job: Job, graceMs: number, nowMs: number): number {
  let dueMs = lastRun(job.schedule, job.zone, nowMs - graceMs)
  while (startMsMax(job, dueMs) + graceMs > nowMs) dueMs = lastRun(job.schedule, job.zone, dueMs - 1)
  return dueMs
}

function startMsMax(job: Job, dueMs: number): number {
  const latestMs = dueMs + spreadOf(job, dueMs)
  return job.window ? opensMs(job.window, job.zone, latestMs) : latestMs
}

/** Of the last run. */
function usualMs({ memory, own }: Known): number {
  const last = memory?.history.findLast(record => !isFailure(record))
  const newest = own.reduce<Trace | undefined>(
    (best, each) => (best && best.startedMs >= each.startedMs ? best : each),
    undefined,
  )
  return Math.max(last ? last.endedMs - last.startedMs : 0, newest?.durationMs ?? 0)
}

/** A run by the clock of another host may begin a little before it is due. */
const isSince = (startedMs: number, dueMs: number): boolean => startedMs >= dueMs - minute

function isDone(job: Job, dueMs: number, { memories, memory, own }: Known): boolean {
  if (own.some(({ startedMs }) => isSince(startedMs, dueMs))) return true
  if (!memories) return false
  // A job that the agent has not met yet, or with a new schedule, is not late.
  if (memory?.scheduleText !== job.schedule.text) return true
  const isGivenUp = memory.history.some(record => record.dueMs === dueMs && isFailure(record))
  const isOver = memory.history.some(record => isSince(record.startedMs, dueMs) && !isFailure(record))
  return isOver || (memory.settledMs >= dueMs && !isGivenUp)
}

function lateCodeOf({ kind }: Job): FindingCode {
  if (kind === 'backup' || kind === 'dump' || kind === 'snapshot') return 'backup-late'
  return kind === 'drill' ? 'drill-late' : 'job-late'
}
