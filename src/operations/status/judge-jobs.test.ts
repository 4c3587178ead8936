/** What is said of jobs that are late or have failed, at any moment: the clock is an argument. */
import { describe, expect, test } from 'vitest'
import { day, hour, minute } from '../../base/units.ts'
import type { Job, JobMemory, RunRecord } from '../../policy/jobs/job.ts'
import { parseSchedule } from '../../schedule/parse-schedule.ts'
import { zoneOf } from '../../schedule/time-zone.ts'
import { ofJobs, type StatedJob, type Trace } from './judge-jobs.ts'

const dueMs = Date.parse('2026-03-08T02:00:00Z')

function stated(change: Partial<Job> = {}, at = 'daily at 02:00', command = ['backup']): StatedJob {
  const job: Job = {
    name: 'nightly',
    kind: 'backup',
    schedule: parseSchedule(at),
    zone: zoneOf('UTC'),
    spreadMs: 0,
    share: 0,
    window: undefined,
    catchUp: true,
    attemptsMax: 3,
    pauseMsFirst: minute,
    pauseMsMax: hour,
    ...change,
  }
  return { job, command }
}

const full = (startedMs: number, more: Partial<Trace> = {}): Trace => ({
  kind: 'full',
  startedMs,
  durationMs: 10 * minute,
  ...more,
})
const told = (found: ReturnType<typeof ofJobs>): readonly string[] =>
  found.map(({ code, state, subject }) => `${code} ${subject ?? ''} ${state}`)

describe('without an agent, what lies in the repository tells', () => {
  const yesterday = full(dueMs - day)
  test.each<[string, number, readonly Trace[], readonly string[]]>([
    ['is done', dueMs + 3 * hour, [yesterday, full(dueMs + minute)], []],
    ['may still come', dueMs + hour, [yesterday], []],
    ['is late', dueMs + 2 * hour, [yesterday], ['backup-late nightly warning']],
    ['was missed twice', dueMs + 2 * hour, [full(dueMs - 2 * day)], ['backup-late nightly critical']],
    [
      'takes its usual time, which is long',
      dueMs + 2 * hour,
      [full(dueMs - day, { durationMs: 3 * hour })],
      [],
    ],
    ['began a little before it was due, by its own clock', dueMs + 3 * hour, [full(dueMs - 10)], []],
    ['never left anything: that there is no backup is told elsewhere', dueMs + 3 * hour, [], []],
  ])('a job that %s', (_, nowMs, traces, expected) => {
    expect(told(ofJobs([stated()], undefined, traces, nowMs))).toEqual(expected)
  })

  test('an incremental backup does not stand for a full one, but the other way round', () => {
    const traces = [full(dueMs - 8 * day), full(dueMs + minute, { kind: 'incremental' })]
    const weekly = stated({ name: 'weekly' }, 'sundays at 02:00')
    const nightly = stated({}, 'daily at 02:00', ['backup', '--incremental'])
    const nowMs = dueMs + 5 * hour
    expect(told(ofJobs([weekly, nightly], undefined, traces, nowMs))).toEqual(['backup-late weekly critical'])
    expect(ofJobs([nightly], undefined, [full(dueMs + minute)], nowMs)).toEqual([])
  })

  test('what waits for its window is not late, nor what is spread', () => {
    const spread = stated({ spreadMs: 4 * hour })
    expect(ofJobs([spread], undefined, [yesterday], dueMs + 4 * hour)).toEqual([])
    expect(ofJobs([spread], undefined, [yesterday], dueMs + 6 * hour)).toHaveLength(1)
  })
})

describe('the agent', () => {
  const run = (more: Partial<RunRecord>): RunRecord => ({
    dueMs,
    startedMs: dueMs,
    endedMs: dueMs + minute,
    attempt: 1,
    cause: 'schedule',
    outcome: 'done',
    exit: 0,
    message: undefined,
    ...more,
  })
  const memory = (more: Partial<JobMemory>): ReadonlyMap<string, JobMemory> =>
    new Map([
      [
        'nightly',
        {
          scheduleText: 'daily at 02:00',
          settledMs: dueMs - day,
          trying: undefined,
          running: undefined,
          history: [],
          ...more,
        },
      ],
    ])
  const failed = run({ outcome: 'failed', exit: 31, message: 'the storage is away' })

  test.each<[string, Partial<Job>, ReturnType<typeof memory>, readonly string[]]>([
    ['that is done', {}, memory({ settledMs: dueMs, history: [run({})] }), []],
    [
      'that failed and is tried again',
      {},
      memory({ history: [failed], trying: { dueMs, attempts: 1, nextMs: dueMs + 3 * hour } }),
      ['job-failed nightly warning', 'backup-late nightly warning'],
    ],
    [
      'that was given up',
      { kind: 'drill' },
      memory({ settledMs: dueMs, history: [failed] }),
      ['job-failed nightly critical', 'drill-late nightly warning'],
    ],
    ['that is late', { kind: 'expire' }, memory({}), ['job-late nightly warning']],
    ['that is new', { kind: 'expire' }, new Map(), []],
    ['with a new schedule', { kind: 'expire' }, memory({ scheduleText: 'hourly' }), []],
    [
      'that found damage',
      { kind: 'verify' },
      memory({ settledMs: dueMs, history: [run({ outcome: 'findings' })] }),
      ['job-findings nightly critical'],
    ],
  ])('tells of a job %s', (_, change, memories, expected) => {
    expect(told(ofJobs([stated(change)], memories, [], dueMs + 2 * hour))).toEqual(expected)
  })

  test('is not asked about a failure after which somebody made a backup', () => {
    const memories = memory({ settledMs: dueMs, history: [failed] })
    expect(ofJobs([stated()], memories, [full(dueMs + minute)], dueMs + 2 * hour)).toEqual([])
  })
})
