/** `status` against a real server: the promises it measures, and the troubles it finds. */
import { execFileSync } from 'node:child_process'
import { readdirSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { StatusReport } from '../src/operations/status/status.ts'
import { describeRun, jsonOf } from './support/holdfast.ts'
import { makeOwned } from './support/postgres-server.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { until } from './support/until.ts'

let lab: Lab

beforeAll(async () => {
  lab = await openLab({ major: 15, config: { objectives: { rpo: '1h' } } })
  await lab.server.query('CREATE TABLE t (i int)')
  await lab.backup()
  await lab.archiveAll()
}, 180_000)
afterAll(() => lab[Symbol.asyncDispose]())

async function reportOf(config = lab.configPath): Promise<StatusReport & { readonly exit: number }> {
  const run = await lab.run(['--config', config, 'status', '--json'])
  expect(run.status, describeRun(run)).toBeLessThan(3)
  return { ...jsonOf<StatusReport>(run), exit: run.status }
}

const told = ({ findings }: StatusReport): readonly string[] =>
  findings.map(({ code, state, repository }) => `${code} ${repository ?? '-'} ${state}`)

test('an idle server would lose nothing, though its log goes on', { timeout: 120_000 }, async () => {
  await lab.server.query('CHECKPOINT')
  const report = await reportOf()
  expect(told(report)).toEqual([])
  expect(report.objectives.rpo).toEqual({ targetSeconds: 3600, actualSeconds: 0, isUpperBound: false })
  expect(report.server).toMatchObject({ fault: null, isStandby: false, timeline: 1, walFilesWaiting: 0 })
  expect(report.server?.walFreeBytes).toBeGreaterThan(0)
  const { out, status } = await lab.run(['status', '--nagios'])
  expect(out).toMatch(
    /^HOLDFAST OK - 1 repository, .*nothing would be lost \| rpo=0s;3600;3600;0 main_backup_age=\d+s.*\n$/,
  )
  expect(status).toBe(0)
})

test('another key, a job that is late and one that failed are told', { timeout: 120_000 }, async () => {
  const hours = (count: number): number => Date.now() - count * 3_600_000
  const state = join(lab.server.root, 'state')
  makeOwned(state)
  const ended = { endedMs: hours(1), attempt: 1, cause: 'schedule', outcome: 'failed', message: 'no scratch' }
  const run = { dueMs: hours(1), startedMs: hours(1), ...ended }
  const jobs = {
    dump: { scheduleText: 'hourly', settledMs: hours(50), history: [] },
    drill: { scheduleText: 'yearly', settledMs: hours(0), history: [run] },
  }
  lab.write(join(state, 'agent.json'), JSON.stringify({ format: 1, jobs }))
  const identity = join(lab.server.root, 'other.txt')
  lab.write(identity, execFileSync('age-keygen', { stdio: ['ignore', 'pipe', 'ignore'] }))
  const main = lab.config.repositories['main'] ?? {}
  const { recipients } = main['encryption'] as { readonly recipients: readonly string[] }
  const config = lab.writeConfig('troubled.yaml', {
    repositories: { main: { ...main, encryption: { recipients, identity: { file: identity } } } },
    jobs: { dump: 'hourly', drill: 'yearly' },
    agent: { state },
  })
  const report = await reportOf(config)
  expect(told(report)).toEqual(['key-wrong main critical', 'job-failed - critical', 'backup-late - warning'])
  expect(report.findings.map(({ subject }) => subject)).toEqual([null, 'drill', 'dump'])
  expect(report.repositories[0]?.isKeyRight).toBe(false)
  expect((await reportOf()).repositories[0]?.isKeyRight).toBe(true)
})

test('a commit that is nowhere else counts from its own time', { timeout: 120_000 }, async () => {
  const strict = lab.writeConfig('strict.yaml', { objectives: { rpo: '1ms' } })
  await lab.server.query('INSERT INTO t VALUES (1)')
  const committed = Date.parse(await lab.server.value('SELECT clock_timestamp()::text'))
  await lab.server.query('CHECKPOINT')
  const report = await reportOf(strict)
  expect(told(report)).toEqual(['rpo-over-target main critical'])
  expect(report.exit).toBe(2)
  const { actualSeconds, isUpperBound } = report.objectives.rpo
  expect(isUpperBound).toBe(false)
  expect(actualSeconds).toBeLessThanOrEqual((Date.parse(report.checkedAt) - committed) / 1000 + 2)
  const run = await lab.run(['--config', strict, 'status'])
  expect(run.out).toMatch(/^CRITICAL: 1 thing needs attention\n\nRPO +.+ would be lost now; target 1 ms\n/)
  expect(run.out).toContain('docs/runbooks/rpo-or-rto-missed.md')
})

test('without the server, the age of what is durable is only a bound', { timeout: 120_000 }, async () => {
  const away = lab.writeConfig('away.yaml', {
    objectives: { rpo: '1ms' },
    postgres: { connection: 'postgresql://nobody@/postgres?host=/nowhere' },
  })
  const report = await reportOf(away)
  expect(told(report)).toEqual(['rpo-over-target main warning', 'server-unreachable - warning'])
  expect(report.objectives.rpo.isUpperBound).toBe(true)
  expect(report.server?.fault?.code).toBe('POSTGRES_UNREACHABLE')
  expect((await lab.run(['--config', away, 'status'])).out).toMatch(/\nRPO +at most /)
})

test('a server that can not be read is told of without any target', { timeout: 120_000 }, async () => {
  const away = lab.writeConfig('away-no-target.yaml', {
    postgres: { connection: 'postgresql://nobody@/postgres?host=/nowhere' },
  })
  const report = await reportOf(away)
  expect(told(report)).toEqual(['server-unreachable - warning'])
  expect(report.exit).toBe(1)
  const { out } = await lab.run(['--config', away, 'status'])
  expect(out).toContain('whether what it writes becomes safe is not known')
  expect(out).toContain('docs/runbooks/server-out-of-reach.md')
})

test('archiving that fails tells how long the disk lasts', { timeout: 120_000 }, async () => {
  await lab.archiveAll()
  lab.server.configure({ archive_command: 'false' })
  await lab.server.query('SELECT pg_reload_conf()')
  for (let i = 0; i < 3; i++) {
    await lab.server.query('INSERT INTO t VALUES (2)')
    await lab.server.query('SELECT pg_switch_wal()')
  }
  await until('it has failed', async () =>
    Number(await lab.server.value('SELECT failed_count FROM pg_stat_archiver')),
  )
  // As if the first had been waiting for ten minutes.
  const folder = join(lab.server.dataDirectory, 'pg_wal/archive_status')
  const waiting = readdirSync(folder).filter(name => name.endsWith('.ready'))
  expect(waiting.length).toBeGreaterThanOrEqual(3)
  const before = new Date(Date.parse(await lab.server.value('SELECT now()::text')) - 600_000)
  for (const name of waiting) utimesSync(join(folder, name), before, before)

  const report = await reportOf()
  expect(told(report)).toEqual(['archiver-failing - critical'])
  expect(report.findings[0]?.message).toMatch(/archiving fails.*the disk of pg_wal is full in \d/)
  expect(report.findings[0]?.runbook).toBe('docs/runbooks/archiving-fails.md')
  expect(report.server?.walFullInSeconds).toBeGreaterThan(0)
  expect(report.server?.walFilesWaiting).toBeGreaterThanOrEqual(3)
})

test(
  'a slot that nobody reads is told, and is no more when it is dropped',
  { timeout: 120_000 },
  async () => {
    await lab.server.query("SELECT pg_create_physical_replication_slot('gone', true)")
    for (let i = 0; i < 17; i++) {
      await lab.server.query('INSERT INTO t VALUES (3)')
      await lab.server.query('SELECT pg_switch_wal()')
    }
    const report = await reportOf()
    expect(told(report)).toContain('slot-lag - warning')
    expect(report.findings.find(({ code }) => code === 'slot-lag')).toMatchObject({ subject: 'gone' })
    await lab.server.query("SELECT pg_drop_replication_slot('gone')")
    expect(told(await reportOf())).not.toContain('slot-lag - warning')
  },
)
