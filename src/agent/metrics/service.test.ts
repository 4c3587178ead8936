/** What is kept at hand for monitoring, with a clock that moves by itself. */
import { expect, test } from 'vitest'
import { simWorld } from '../../base/world.ts'
import { sample } from '../../policy/metrics/sample.ts'
import type { AgentStatus } from '../../control/agent-status.ts'
import type { Answered } from '../ask-self.ts'
import { createMetricsService, type MetricsDeps, type MetricsService } from './service.ts'

const status: AgentStatus = {
  ...{ pid: 1, version: '1', startedAt: '2026-03-01T00:00:00Z', configuration: 'x' },
  ...{ loadedAt: '2026-03-01T00:00:00Z', refused: null, copies: false, jobs: [] },
}
const gaps = (count: number) => sample('holdfast_wal_gaps', { repository: 'main' }, count)
const jobs = sample('holdfast_job_running', { job: 'a', kind: 'b' }, true)
const found = (count: number): Answered => ({
  value: { samples: [...gaps(count), ...jobs] },
  error: undefined,
})

interface Lab {
  readonly service: MetricsService
  readonly warnings: readonly string[]
  readonly askedMs: readonly number[]
}

/** Gives the answers one after the other, and ends when there are no more. */
async function lookedAt(answers: readonly Answered[], takesMs = 0): Promise<Lab> {
  const { clock } = simWorld()
  const end = new AbortController()
  const warnings: string[] = []
  const askedMs: number[] = []
  const deps: MetricsDeps = {
    clock,
    log: { info: () => undefined, warn: event => warnings.push(event) },
    // Somebody else has no use for this port: nobody listens there for long.
    setup: () => ({
      cluster: 'gathr',
      listen: { host: '127.0.0.1', port: 0 },
      token: undefined,
      everyMs: 60_000,
    }),
    ask: async (_command, signal) => {
      askedMs.push(clock.now())
      await clock.sleep(takesMs, signal)
      const answer = answers[askedMs.length - 1]
      if (answer) return answer
      end.abort()
      return { value: undefined, error: 'stopped' }
    },
    readToken: () => Promise.reject(new Error('nobody asks')),
    status: () => status,
    trouble: () => undefined,
  }
  const service = createMetricsService(deps)
  await service.keep(end.signal)
  return { service, warnings, askedMs }
}

const lines = async (service: MetricsService): Promise<readonly string[]> =>
  (await service.text('prometheus')).text.split('\n').filter(line => line !== '' && !line.startsWith('#'))

test('the last look that succeeded is told, beside what the agent itself knows', async () => {
  const { service, warnings } = await lookedAt([found(1), found(2), { value: undefined, error: 'it failed' }])
  const told = await lines(service)
  expect(told).toContain('holdfast_wal_gaps{repository="main",cluster="gathr"} 2')
  expect(told).toContain('holdfast_agent_look_success{cluster="gathr"} 0')
  expect(told).toContain('holdfast_agent_scrapes_total{cluster="gathr"} 1')
  expect(told.filter(line => line.startsWith('holdfast_job'))).toEqual([])
  expect(await lines(service)).toContain('holdfast_agent_scrapes_total{cluster="gathr"} 2')
  expect(warnings).toEqual(['metrics.unknown'])
})

test('looks begin at a steady pace, with a pause after one that takes long', async () => {
  expect((await lookedAt([found(0), found(0)], 5_000)).askedMs).toEqual([0, 60_000, 120_000])
  expect((await lookedAt([found(0), found(0)], 100_000)).askedMs).toEqual([0, 110_000, 220_000])
})
