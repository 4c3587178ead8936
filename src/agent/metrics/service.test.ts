/** What is kept at hand for monitoring, with a clock that moves by itself. */
import { expect, test } from 'vitest'
import { simWorld } from '../../base/world.ts'
import { sample } from '../../policy/metrics/sample.ts'
import type { AgentStatus } from '../../control/agent-status.ts'
import type { Answered } from '../ask-self.ts'
import { createMetricsService, type MetricsDeps, type MetricsService, type MetricsSetup } from './service.ts'

const status: AgentStatus = {
  limits: {
    read: { bytesPerSecond: null, from: 'configuration', until: null },
    network: { bytesPerSecond: null, from: 'configuration', until: null },
    slowed: null,
  },
  ...{ pid: 1, version: '1', startedAt: '2026-03-01T00:00:00Z', configuration: 'x' },
  ...{ loadedAt: '2026-03-01T00:00:00Z', refused: null, copies: false, alerts: null, jobs: [] },
}
const gaps = (count: number) => sample('holdfast_wal_gaps', { repository: 'main' }, count)
const jobs = sample('holdfast_job_running', { job_name: 'a', kind: 'b' }, true)
const found = (count: number): Answered => ({
  value: { samples: [...gaps(count), ...jobs] },
  error: undefined,
})

interface Lab {
  readonly service: MetricsService
  readonly warnings: readonly string[]
  readonly askedMs: readonly number[]
  /** Whether each look was to be sent. */
  readonly sent: readonly boolean[]
}

type Setup = Omit<MetricsSetup, 'cluster' | 'token'>
const scraped: Setup = {
  listen: { host: '127.0.0.1', port: 0 },
  everyMs: 60_000,
  cloudwatchMs: undefined,
}

/** Gives the answers one after the other, and ends when there are no more. */
async function lookedAt(
  answers: readonly Answered[],
  { takesMs = 0, setup = scraped }: { takesMs?: number; setup?: Setup } = {},
): Promise<Lab> {
  const { clock } = simWorld()
  const end = new AbortController()
  const warnings: string[] = []
  const askedMs: number[] = []
  const sent: boolean[] = []
  const deps: MetricsDeps = {
    clock,
    log: { info: () => undefined, warn: event => warnings.push(event) },
    setup: () => ({ cluster: 'gathr', token: undefined, ...setup }),
    ask: async (command, signal) => {
      sent.push(command.includes('--cloudwatch'))
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
  return { service, warnings, askedMs, sent }
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
  expect((await lookedAt([found(0), found(0)], { takesMs: 5_000 })).askedMs).toEqual([0, 60_000, 120_000])
  expect((await lookedAt([found(0), found(0)], { takesMs: 100_000 })).askedMs).toEqual([0, 110_000, 220_000])
})

test('CloudWatch is sent what was seen at its own pace, also when nobody listens', async () => {
  const answers = [found(0), found(0), found(0)]
  const often = await lookedAt(answers, { setup: { ...scraped, cloudwatchMs: 120_000 } })
  expect(often.sent).toEqual([true, false, true, false])
  const alone = await lookedAt(answers, { setup: { ...scraped, listen: undefined, cloudwatchMs: 120_000 } })
  expect([alone.sent, alone.askedMs]).toEqual([
    [true, true, true, true],
    [0, 120_000, 240_000, 360_000],
  ])
})

test('what was seen counts, also when it could not be sent', async () => {
  const { service, warnings } = await lookedAt([{ ...found(3), error: 'refused' }])
  expect(await lines(service)).toContain('holdfast_wal_gaps{repository="main",cluster="gathr"} 3')
  expect(warnings).toEqual(['metrics.unsent'])
})
