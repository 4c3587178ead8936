/** What monitoring is told of the agent and its jobs. */
import { expect, test } from 'vitest'
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

test('a job tells how its last run ended, and when one was done', () => {
  const values = Object.fromEntries(
    agentSamples(status).map(({ name, labels, value }) => [
      `${name} ${Object.values(labels).join(' ')}`.trim(),
      value,
    ]),
  )
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
