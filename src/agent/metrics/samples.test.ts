/** What monitoring is told of the agent and its jobs. */
import { expect, test } from 'vitest'
import type { AgentAlert, AgentSink } from '../../control/agent-alerts.ts'
import type { AgentRun, AgentStatus } from '../../control/agent-status.ts'
import { agentSamples } from './samples.ts'

const run = (outcome: string, startedAt: string, endedAt: string): AgentRun => ({
  ...{ dueAt: startedAt, startedAt, endedAt, attempt: 1, cause: 'schedule', outcome },
  ...{ exit: 0, message: null },
})

const status: AgentStatus = {
  limits: {
    read: { bytesPerSecond: null, from: 'configuration', until: null },
    network: { bytesPerSecond: null, from: 'configuration', until: null },
    slowed: null,
  },
  pid: 1,
  version: '1.0.0',
  startedAt: '2026-03-01T00:00:00.000Z',
  configuration: '/etc/holdfast.yaml',
  loadedAt: '2026-03-01T00:00:01.000Z',
  refused: 'line 3',
  copies: false,
  alerts: null,
  jobs: [
    {
      name: 'nightly',
      kind: 'backup',
      at: 'daily',
      state: 'running',
      nextAt: '2026-03-04T00:00:00.000Z',
      reason: null,
      pid: 7,
      history: [
        run('findings', '2026-03-01T00:00:00.000Z', '2026-03-01T00:10:00.000Z'),
        run('failed', '2026-03-02T00:00:00.000Z', '2026-03-02T00:00:30.500Z'),
      ],
    },
    {
      ...{ name: 'new', kind: 'dump', at: 'daily', state: 'scheduled', nextAt: '2026-03-04T00:00:00.000Z' },
      ...{ reason: null, pid: null, history: [] },
    },
  ],
}

const alert = (state: AgentAlert['state'], ack: AgentAlert['ack'] = null): AgentAlert => ({
  ...{
    id: '5f1c2a9b',
    code: 'job-failed',
    state,
    repository: null,
    subject: 'nightly',
    message: 'it failed',
  },
  ...{
    fix: 'Find out why.',
    runbook: null,
    since: '2026-03-01T00:00:00.000Z',
    isSeen: true,
    cameTimes: null,
  },
  ...{ ack, told: [] },
})

const sink = (name: string, fault: string | null): AgentSink => ({
  ...{ name, kind: 'email', waiting: 0, deliveredAt: null, fault, failingSince: null, nextAt: null },
})

function valuesOf(from: AgentStatus): Readonly<Record<string, number>> {
  const named = agentSamples(from).map(({ name, labels, value }) => [
    `${name} ${Object.values(labels).join(' ')}`.trim(),
    value,
  ])
  return Object.fromEntries(named) as Readonly<Record<string, number>>
}

test('alerts are counted by how bad they are, and sinks tell whether they take them', () => {
  const ack = { until: '2026-03-09T00:00:00.000Z', reason: 'known' }
  const open = [alert('critical'), alert('critical', ack), alert('warning')]
  const sinks = [sink('dba', null), sink('team', 'it answered 404')]
  const alerts = { lookedAt: null, lookFault: null, open, sinks }
  expect(valuesOf({ ...status, alerts })).toMatchObject({
    'holdfast_alerts_open critical': 2,
    'holdfast_alerts_open warning': 1,
    holdfast_alerts_acknowledged: 1,
    'holdfast_alert_sink_failing dba email': 0,
    'holdfast_alert_sink_failing team email': 1,
  })
  expect(valuesOf({ ...status, alerts: { ...alerts, open: [] } })).toMatchObject({
    'holdfast_alerts_open critical': 0,
    'holdfast_alerts_open warning': 0,
  })
  expect(Object.keys(valuesOf(status)).filter(name => name.includes('alert'))).toEqual([])
})

test('a job tells how its last run ended, and when one was done', () => {
  const values = valuesOf(status)
  expect(values).toMatchObject({
    holdfast_agent_config_refused: 1,
    'holdfast_job_running nightly backup': 1,
    'holdfast_job_last_run_success nightly backup': 0,
    'holdfast_job_last_outcome nightly backup failed': 1,
    'holdfast_job_last_outcome nightly backup done': 0,
    'holdfast_job_last_duration_seconds nightly backup': 30.5,
    'holdfast_job_last_run_timestamp_seconds nightly backup': Date.parse('2026-03-02T00:00:30.500Z') / 1000,
    'holdfast_job_last_success_timestamp_seconds nightly backup': Date.parse('2026-03-01T00:10:00Z') / 1000,
    'holdfast_job_running new dump': 0,
  })
  expect(Object.keys(values).filter(key => key.includes('last') && key.includes('new'))).toEqual([])
})
