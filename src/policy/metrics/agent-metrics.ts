/** Of the catalogue of metrics: what the agent tells of itself and its jobs. */
import type { Metric } from './metric.ts'

const ofJob = {
  type: 'gauge',
  from: 'agent', // Not `job`: that is Prometheus' own name of what it scrapes.
  labels: ['job_name', 'kind'],
} as const
const ofAgent = { type: 'gauge', from: 'agent', labels: [] } as const

export const agentMetrics = {
  holdfast_agent_start_timestamp_seconds: {
    ...ofAgent,
    unit: 'timestamp',
    help: 'When the agent was started.',
  },
  holdfast_agent_config_refused: {
    ...ofAgent,
    unit: 'state',
    help: 'Whether the configuration file is not valid as it is now, so that the one before is carried out.',
    cloudwatch: 'ConfigRefused',
  },
  holdfast_agent_config_loaded_timestamp_seconds: {
    ...ofAgent,
    unit: 'timestamp',
    help: 'When the configuration that is carried out was loaded.',
  },
  holdfast_alerts_open: {
    ...ofAgent,
    unit: 'number',
    labels: ['state'],
    help: 'So many alerts are open, by how bad they are: warning, critical. Left out where the configuration has no `alerts`.',
    cloudwatch: 'AlertsOpen',
  },
  holdfast_alerts_acknowledged: {
    ...ofAgent,
    unit: 'number',
    help: 'So many of the open alerts somebody has acknowledged.',
  },
  holdfast_alert_sink_failing: {
    ...ofAgent,
    unit: 'state',
    labels: ['sink', 'kind'],
    help: 'Whether what the sink is told does not arrive there.',
    cloudwatch: 'AlertSinkFailing',
  },
  holdfast_agent_scrapes_total: {
    ...ofAgent,
    type: 'counter',
    unit: 'number',
    help: 'How often the agent was asked for its metrics since it was started.',
  },
  holdfast_agent_look_success: {
    ...ofAgent,
    unit: 'state',
    help: 'Whether the last look at the repositories, for these metrics, came to its end.',
  },
  holdfast_agent_look_duration_seconds: {
    ...ofAgent,
    unit: 'seconds',
    help: 'How long that look took.',
  },
  holdfast_job_running: { ...ofJob, unit: 'state', help: 'Whether the job runs now.' },
  holdfast_job_last_run_success: {
    ...ofJob,
    unit: 'state',
    help: 'Whether the last run of the job was done. What it found is not its failure.',
    cloudwatch: 'JobSuccess',
  },
  holdfast_job_last_outcome: {
    ...ofJob,
    unit: 'state',
    labels: ['job_name', 'kind', 'outcome'],
    help: 'How the last run of the job ended: done, findings, failed, refused, timeout, stopped, lost.',
  },
  holdfast_job_last_run_timestamp_seconds: {
    ...ofJob,
    unit: 'timestamp',
    help: 'When the last run of the job ended.',
  },
  holdfast_job_last_success_timestamp_seconds: {
    ...ofJob,
    unit: 'timestamp',
    help: 'When the last run of the job that was done ended, as far as is remembered.',
    cloudwatch: 'JobSuccessAge',
  },
  holdfast_job_last_duration_seconds: {
    ...ofJob,
    unit: 'seconds',
    help: 'How long the last run of the job took.',
    cloudwatch: 'JobDuration',
  },
  holdfast_job_next_start_timestamp_seconds: {
    ...ofJob,
    unit: 'timestamp',
    help: 'When the job starts next.',
  },
} as const satisfies Record<string, Metric>
