/** Limits of the rates, with real threads: by the configuration, and changed by the agent while a backup runs. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { AgentRates, AgentRun, AgentStatus } from '../src/control/agent-status.ts'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import { describeRun, jsonOf, type Running } from './support/holdfast.ts'
import { stagedFiles } from './support/repository-files.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { faultOf } from './support/restored-server.ts'
import { until } from './support/until.ts'

const MiB = 1024 * 1024
/** What is made up for at the start, and pieces under way: see base/rates.ts. */
const slackMs = 1000

let lab: Lab
let agent: Running | undefined

beforeAll(async () => {
  lab = await openLab({ major: 16, walSegmentSizeMb: 1 })
})

afterAll(async () => {
  agent?.kill('SIGKILL')
  await lab[Symbol.asyncDispose]()
})

function configure(
  limits: Readonly<Record<string, string>>,
  more: Readonly<Record<string, unknown>> = {},
): string {
  return lab.writeConfig('limited.yaml', {
    limits,
    workers: 2,
    agent: { state: join(lab.server.root, 'agent'), socket: join(lab.server.root, 'agent.sock'), ...more },
    jobs: { backup: 'yearly' },
  })
}

const leastMs = (bytes: number, bytesPerSecond: number): number => (1000 * bytes) / bytesPerSecond - slackMs

test('all threads of a backup together read no faster than they may, and it says so', async () => {
  const path = configure({ read: '8MiB/s' })
  const run = await lab.ok(['--config', path, 'backup', '--json', '-v'])
  const { sizes } = jsonOf<BackupRecord>(run)
  expect(run.durationMs).toBeGreaterThan(leastMs(sizes.rawBytes, 8 * MiB))
  expect(run.err).toContain('at most 8.0 MiB/s are read')
})

test('what is fetched to be verified comes no faster than it may', async () => {
  const path = configure({ network: '1MiB/s' })
  const [backup] = await lab.json<readonly BackupRecord[]>(['list'])
  const run = await lab.ok(['--config', path, 'verify', backup?.id ?? '', '--json', '-v'])
  expect(run.durationMs).toBeGreaterThan(leastMs(backup?.sizes.storedBytes ?? Infinity, MiB))
  expect(run.err).toContain('at most 1.0 MiB/s are sent and fetched')
})

test('`agent limit` lets a backup that runs be done soon', async () => {
  const path = configure({ read: '1MiB/s' })
  const words = (...given: readonly string[]): readonly string[] => ['--config', path, ...given]
  agent = lab.start(words('agent'))
  await until('the agent answers', async () => (await lab.run(words('agent', 'status'))).status === 0)
  expect(await lab.json<AgentRates>(words('agent', 'limit'))).toEqual({
    read: { bytesPerSecond: MiB, from: 'configuration', until: null },
    network: { bytesPerSecond: null, from: 'configuration', until: null },
    slowed: null,
  })

  await lab.ok(words('agent', 'run', 'backup', '--no-wait'))
  await until('data is being copied', () => stagedFiles(lab.repositoryDirectory).length > 0)
  const changed = await lab.json<AgentRates>(words('agent', 'limit', '--read', 'none', '--for', '1h'))
  expect(changed.read).toMatchObject({ bytesPerSecond: null, from: 'change' })
  expect(changed.read.until).not.toBeNull()
  const run = await until('the backup has ended', () => lastRun(words))
  expect(run).toMatchObject({ outcome: 'done' })
  const [backup] = await lab.json<readonly BackupRecord[]>(['list'])
  const tookMs = Date.parse(run.endedAt) - Date.parse(run.startedAt)
  expect(tookMs).toBeLessThan(leastMs(backup?.sizes.rawBytes ?? 0, MiB))
})

test('the change is in the audit trail, of its user alone, and ends when the file is loaded again', async () => {
  const words = ['--config', configure({ read: '4MiB/s' })]
  const entered = await lab.json<readonly { readonly verb: string }[]>([...words, 'audit', 'list'])
  expect(entered.filter(({ verb }) => verb === 'agent limit')).toHaveLength(1)
  const file = join(lab.server.root, 'agent', 'limits.json')
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(await lab.ok([...words, 'agent', 'status'])).toMatchObject({
    out: expect.stringMatching(/read no limit, by `holdfast agent limit`, until \d{4}-/),
  })
  await lab.ok([...words, 'agent', 'reload'])
  expect((await lab.json<AgentRates>([...words, 'agent', 'limit'])).read).toMatchObject({
    bytesPerSecond: 4 * MiB,
    from: 'configuration',
  })
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ stated: { read: 4 * MiB }, changes: {} })
  expect(readdirSync(join(lab.server.root, 'agent')).filter(name => name.endsWith('.new'))).toEqual([])
})

test('jobs step back while the server suffers, and go on as before when it is well', async () => {
  // No server answers at once, so this one suffers.
  const words = ['--config', configure({ read: '1MiB/s' }, { slow_down: { latency: '0s' } })]
  await lab.ok([...words, 'agent', 'reload'])
  await lab.ok([...words, 'agent', 'run', 'backup', '--no-wait'])
  const slowed = await until('the agent has looked at the server', async () => {
    const limits = await lab.json<AgentRates>([...words, 'agent', 'limit'])
    return limits.slowed ?? undefined
  })
  expect(slowed).toMatchObject({ share: 0.5, reason: expect.stringMatching(/^latency \d/) })
  expect((await lab.ok([...words, 'agent', 'status'])).out).toMatch(
    /slowed .*to 1.0 MiB\/s of reading: latency/,
  )
  configure({})
  await lab.ok([...words, 'agent', 'reload'])
  const ended = await until('the second backup has ended', async () => {
    const { jobs } = await lab.json<AgentStatus>([...words, 'agent', 'status'])
    return jobs[0]?.history[1]
  })
  expect(ended).toMatchObject({ outcome: 'done' })
  await until('nobody is slowed', async () => {
    const limits = await lab.json<AgentRates>([...words, 'agent', 'limit'])
    return limits.slowed === null
  })
})

test('what is no rate is refused, with how it is written', async () => {
  const tooSlow = await lab.run(['--json', 'agent', 'limit', '--read', '10KiB/s'])
  expect(faultOf(tooSlow)).toMatchObject({ code: 'USAGE', hint: expect.stringContaining('50MiB/s') })
  const alone = await lab.run(['--json', 'agent', 'limit', '--for', '1h'])
  expect(faultOf(alone).code, describeRun(alone)).toBe('USAGE')
})

async function lastRun(
  words: (...given: readonly string[]) => readonly string[],
): Promise<AgentRun | undefined> {
  const { jobs } = await lab.json<AgentStatus>(words('agent', 'status'))
  return jobs[0]?.history.at(-1)
}
