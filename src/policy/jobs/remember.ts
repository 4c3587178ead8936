/** What is remembered when a run begins and when it ends. Decides only. */
import { limits } from '../../base/limits.ts'
import type { Job, JobMemory, Outcome, RunRecord } from './job.ts'
import { dueRun, type Start } from './plan-jobs.ts'

export interface Ended {
  readonly outcome: Outcome
  readonly exit: number | undefined
  readonly message: string | undefined
}

export function rememberStart(
  memory: JobMemory,
  { kind, dueMs, attempt, cause }: Start,
  nowMs: number,
): JobMemory {
  return { ...memory, running: { kind, dueMs, attempt, cause, startedMs: nowMs } }
}

/** `job` is undefined when the configuration no longer has it. */
export function rememberEnd(job: Job | undefined, memory: JobMemory, ended: Ended, nowMs: number): JobMemory {
  if (!memory.running) return memory
  const { kind: _, ...running } = memory.running
  const record: RunRecord = { ...running, ...ended, endedMs: nowMs }
  const history = [...memory.history, record].slice(-limits.jobHistoryMax)
  const rest = { ...memory, running: undefined, history }
  if (!job) return rest
  const { dueMs, attempt, cause, startedMs } = running
  // A run by hand is as good as that of the schedule which was due when it began.
  const settled = {
    ...rest,
    trying: undefined,
    settledMs: Math.max(memory.settledMs, cause === 'hand' ? dueRun(job, startedMs) : dueMs),
  }
  switch (ended.outcome) {
    case 'done':
    case 'findings':
      return settled
    case 'refused':
    case 'failed':
    case 'timeout':
    case 'lost':
      // What failed by hand failed before the eyes of somebody; what the schedule asks for is left as it was.
      if (cause === 'hand') return { ...rest, trying: memory.trying }
      if (ended.outcome === 'refused' || attempt >= job.attemptsMax) return settled
      return {
        ...rest,
        trying: { dueMs, attempts: attempt, nextMs: nowMs + pauseOf(job, attempt, ended.outcome) },
      }
    case 'stopped':
      // It is no fault of the job: it goes on when somebody is there again.
      return cause === 'hand' ? rest : { ...rest, trying: { dueMs, attempts: attempt - 1, nextMs: nowMs } }
  }
}

/** What was lost is tried again soon, but counts: a job that takes its agent along must not do so for ever. */
function pauseOf({ pauseMsFirst, pauseMsMax }: Job, attempt: number, outcome: Outcome): number {
  return outcome === 'lost' && attempt === 1 ? 0 : Math.min(pauseMsMax, pauseMsFirst * 2 ** (attempt - 1))
}
