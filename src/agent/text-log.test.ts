import { expect, test } from 'vitest'
import { textLog } from './text-log.ts'

test('a person is told in words what happened, when, and what is no good', () => {
  const lines: string[] = []
  const log = textLog(line => lines.push(line), { now: () => Date.UTC(2026, 2, 1, 2) })
  log.info('job.ended', { job: 'nightly', outcome: 'done', durationMs: 2942, message: undefined })
  log.warn('metrics.unheard', { port: 9788, error: 'it is taken' })
  log.info('agent.stopping')
  expect(lines).toEqual([
    '2026-03-01 02:00:00+00:00  job.ended: job nightly, outcome done, duration 2.9 s\n',
    '2026-03-01 02:00:00+00:00  WARNING  metrics.unheard: port 9788, error it is taken\n',
    '2026-03-01 02:00:00+00:00  agent.stopping\n',
  ])
})
