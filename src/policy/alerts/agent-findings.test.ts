import { describe, expect, test } from 'vitest'
import { hour, minute } from '../../base/units.ts'
import type { JobMemory, RunRecord } from '../jobs/job.ts'
import { agentFindings, underCodesOf, type AgentFacts } from './agent-findings.ts'
import { emptyOutbox } from './outbox.ts'

const run = (outcome: RunRecord['outcome'], more: Partial<RunRecord> = {}): RunRecord => ({
  ...{ dueMs: 0, startedMs: 0, endedMs: minute, attempt: 2, cause: 'schedule', outcome },
  ...{ exit: 1, message: 'no space left' },
  ...more,
})
const trying = { dueMs: 0, attempts: 2, nextMs: hour }

function findings(
  history: readonly RunRecord[],
  more: Partial<JobMemory> = {},
  facts: Partial<AgentFacts> = {},
) {
  const memory: JobMemory = {
    ...{ scheduleText: 'daily', settledMs: 0, trying: undefined, running: undefined, history },
    ...more,
  }
  return agentFindings(
    {
      jobs: [{ name: 'nightly', kind: 'backup', attemptsMax: 5 }],
      memories: new Map([['nightly', memory]]),
      ...{ refused: undefined, lookFault: undefined, outboxes: new Map() },
      ...facts,
    },
    hour,
  ).map(({ code, state, subject, message }) => `${code} ${state} ${subject ?? '-'}: ${message}`)
}

describe('the agent finds of its jobs', () => {
  test.each<[string, readonly RunRecord[], Partial<JobMemory>, string[]]>([
    ['nothing when the last run was done', [run('failed'), run('done')], {}, []],
    [
      'a warning while it is tried again',
      [run('failed')],
      { trying },
      ['job-failed warning nightly: `backup` failed: no space left (attempt 2 of 5)'],
    ],
    [
      'that it is critical when it is given up',
      [run('timeout')],
      {},
      [
        'job-failed critical nightly: `backup` took too long: no space left; it is given up until its next run',
      ],
    ],
    [
      'what was found',
      [run('findings')],
      {},
      ['job-findings critical nightly: `backup` is done and found damage: no space left'],
    ],
    ['nothing of what failed by hand', [run('done'), run('failed', { cause: 'hand' })], {}, []],
    ['that a run by hand has mended it', [run('failed'), run('done', { cause: 'hand' })], {}, []],
    ['nothing new when a run was stopped', [run('done'), run('stopped')], {}, []],
  ])('%s', (_title, history, more, expected) => {
    expect(findings(history, more)).toEqual(expected)
  })

  test('what `status` tells, too, under the code of that', () => {
    const own = agentFindings(
      {
        jobs: [{ name: 'nightly', kind: 'backup', attemptsMax: 5 }],
        memories: new Map([
          [
            'nightly',
            {
              scheduleText: 'daily',
              settledMs: 0,
              trying: undefined,
              running: undefined,
              history: [run('failed')],
            },
          ],
        ]),
        ...{ refused: undefined, lookFault: undefined, outboxes: new Map() },
      },
      hour,
    )
    const told = { code: 'backup-failed', state: 'warning' as const, repository: null, subject: 'nightly' }
    const more = { message: 'it failed', fix: 'Mend it.', runbook: 'docs/runbooks/backup-late-or-failed.md' }
    expect(underCodesOf([{ ...told, ...more }], own)).toMatchObject([
      { code: 'backup-failed', state: 'critical' },
    ])
    expect(underCodesOf([{ ...told, ...more, subject: 'other' }], own)).toMatchObject([
      { code: 'job-failed' },
    ])
  })
})

test('the agent finds that it can not look, goes on with an old file, and is not heard', () => {
  const failing = { sinceMs: 0, attempts: 3, nextMs: hour, message: 'slack "team": 404' }
  const outboxes = new Map([
    ['team', { ...emptyOutbox, failing }],
    ['dba', { ...emptyOutbox, failing: { ...failing, sinceMs: hour - minute } }],
  ])
  expect(findings([], {}, { refused: 'line 3', lookFault: 'no memory', outboxes })).toEqual([
    'configuration-refused warning -: the agent goes on with the configuration that it had: line 3',
    'status-unknown critical -: whether the backups are well can not be told: no memory',
    'sink-failing warning team: alerts do not arrive there for 1h 00m, 0 wait: slack "team": 404',
  ])
})
