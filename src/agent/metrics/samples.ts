/** From what an agent tells of itself to metrics. Decides only. */
import type { AgentAlerts } from '../../control/agent-alerts.ts'
import type { AgentJobStatus, AgentRun, AgentStatus } from '../../control/agent-status.ts'
import { outcomes, type Outcome } from '../../policy/jobs/job.ts'
import { sample, secondsOf, type Sample } from '../../policy/metrics/sample.ts'

export function agentSamples(status: AgentStatus): readonly Sample[] {
  return [
    ...sample('holdfast_agent_start_timestamp_seconds', {}, secondsOf(status.startedAt)),
    ...sample('holdfast_agent_config_refused', {}, status.refused !== null),
    ...sample('holdfast_agent_config_loaded_timestamp_seconds', {}, secondsOf(status.loadedAt)),
    ...(status.alerts ? ofAlerts(status.alerts) : []),
    ...status.jobs.flatMap(ofJob),
  ]
}

function ofAlerts({ open, sinks }: AgentAlerts): readonly Sample[] {
  const acknowledged = open.filter(({ ack }) => ack !== null)
  return [
    ...(['warning', 'critical'] as const).flatMap(state =>
      sample('holdfast_alerts_open', { state }, open.filter(one => one.state === state).length),
    ),
    ...sample('holdfast_alerts_acknowledged', {}, acknowledged.length),
    ...sinks.flatMap(({ name, kind, fault }) =>
      sample('holdfast_alert_sink_failing', { sink: name, kind }, fault !== null),
    ),
  ]
}

function ofJob({ name: job_name, kind, state, nextAt, history }: AgentJobStatus): readonly Sample[] {
  const last = history.at(-1)
  const success = history.findLast(isSuccess)
  const labels = { job_name, kind }
  return [
    ...sample('holdfast_job_running', labels, state === 'running'),
    ...sample('holdfast_job_last_run_success', labels, last && isSuccess(last)),
    ...outcomes.flatMap(outcome =>
      sample('holdfast_job_last_outcome', { ...labels, outcome }, last && last.outcome === outcome),
    ),
    ...sample('holdfast_job_last_run_timestamp_seconds', labels, secondsOf(last?.endedAt)),
    ...sample('holdfast_job_last_success_timestamp_seconds', labels, secondsOf(success?.endedAt)),
    ...sample('holdfast_job_last_duration_seconds', labels, last && durationSeconds(last)),
    ...sample('holdfast_job_next_start_timestamp_seconds', labels, secondsOf(nextAt)),
  ]
}

const successes: readonly string[] = ['done', 'findings'] satisfies readonly Outcome[]
const isSuccess = ({ outcome }: AgentRun): boolean => successes.includes(outcome)

const durationSeconds = ({ startedAt, endedAt }: AgentRun): number =>
  (Date.parse(endedAt) - Date.parse(startedAt)) / 1000
