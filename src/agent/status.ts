/** From what the agent knows to what it tells. */
import type { AgentJobStatus, AgentRun } from '../control/agent-status.ts'
import type { RunRecord } from '../policy/jobs/job.ts'
import type { JobPlan } from '../policy/jobs/plan-jobs.ts'
import type { JobRunner } from './job-runner.ts'
import type { AgentJob } from './setup.ts'

export function jobStatuses(
  jobs: readonly AgentJob[],
  { standings }: JobPlan,
  runner: Pick<JobRunner, 'memories' | 'pidOf'>,
): readonly AgentJobStatus[] {
  return jobs.flatMap(({ job: { name, kind, schedule } }) => {
    const standing = standings.find(one => one.name === name)
    if (!standing) return []
    return {
      name,
      kind,
      at: schedule.text,
      state: standing.state,
      nextAt: iso(standing.nextMs),
      reason: standing.reason ?? null,
      pid: runner.pidOf(name) ?? null,
      history: (runner.memories.get(name)?.history ?? []).map(told),
    }
  })
}

export const iso = (ms: number): string => new Date(ms).toISOString()

export function told({
  dueMs,
  startedMs,
  endedMs,
  attempt,
  cause,
  outcome,
  exit,
  message,
}: RunRecord): AgentRun {
  return {
    dueAt: iso(dueMs),
    startedAt: iso(startedMs),
    endedAt: iso(endedMs),
    attempt,
    cause,
    outcome,
    exit: exit ?? null,
    message: message ?? null,
  }
}
