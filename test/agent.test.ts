/**
 * The agent as people have it: real processes, a real server, and every way to end: reload, stop, kill -9.
 * Schedules as such are proven in src/schedule and test/sim; this is about what is carried out.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AgentJobStatus, AgentRun, AgentStatus } from '../src/control/agent-status.ts'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import { describeRun, jsonOf, type Running } from './support/holdfast.ts'
import { serverUser } from './support/postgres-binaries.ts'
import { seededRandom } from './support/random.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { faultOf } from './support/restored-server.ts'
import { until } from './support/until.ts'

const random = seededRandom('agents that are killed')
const yearly = { backup: 'yearly', verify: { at: 'yearly', run: 'verify --all' } }

let lab: Lab
let agent: Running
/** Hears what systemd would hear. */
let manager: ChildProcess | undefined
const heard = (): string => readFileSync(join(lab.server.root, 'heard'), 'utf8')
const hasNotify = ['systemd-notify', 'python3'].every(name => spawnSync(name, ['--version']).status === 0)
if (!hasNotify) console.log('what systemd is told is not looked at: systemd-notify or python3 is missing')

/** Node has no datagrams over Unix sockets. */
const manage = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
with open(sys.argv[2], 'a') as f:
    while True:
        f.write(s.recv(4096).decode() + '\\n'); f.flush()
`

beforeAll(async () => {
  lab = await openLab({ major: 16, walSegmentSizeMb: 1 })
  await lab.server.query('CREATE TABLE t AS SELECT n FROM generate_series(1, 1000) n')
  configure(yearly)
  await lab.ok(['init', '--yes'])
  if (!hasNotify) return
  const { uid, gid } = serverUser()
  const notifySocket = join(lab.server.root, 'notify')
  manager = spawn('python3', ['-c', manage, notifySocket, join(lab.server.root, 'heard')], {
    uid,
    gid,
    stdio: 'inherit',
  })
  await until('the manager listens', () => existsSync(notifySocket))
})

afterAll(async () => {
  agent.kill('SIGKILL')
  manager?.kill()
  await lab[Symbol.asyncDispose]()
})

function configure(jobs: Readonly<Record<string, unknown>>): void {
  const main = lab.config.repositories['main']
  lab.writeConfig('holdfast.yaml', {
    repositories: {
      main,
      second: { ...main, url: `file://${join(lab.server.root, 'second')}`, copy_of: 'main' },
    },
    agent: {
      state: join(lab.server.root, 'agent'),
      socket: join(lab.server.root, 'agent.sock'),
      spread: '0s',
      stop_limit: '30s',
    },
    jobs,
  })
}

const socketPath = (): string => join(lab.server.root, 'agent.sock')

const status = (): Promise<AgentStatus> =>
  lab.json<AgentStatus>(['agent', 'status', '--socket', socketPath()])

async function jobOf(name: string): Promise<AgentJobStatus> {
  const found = (await status()).jobs.find(job => job.name === name)
  if (!found) throw new Error(`no job ${name}`)
  return found
}

const backups = (repository = 'main'): Promise<readonly BackupRecord[]> =>
  lab.json(['list', '--repository', repository])

async function startAgent(): Promise<void> {
  const notify = { NOTIFY_SOCKET: join(lab.server.root, 'notify'), WATCHDOG_USEC: '1500000' }
  agent = lab.start(['agent'], hasNotify ? { environment: notify } : {})
  const ended = agent.ended.then(run => {
    throw new Error(`the agent ended: ${describeRun(run)}`)
  })
  ended.catch(() => undefined)
  await Promise.race([
    ended,
    until('the agent answers', async () => (await lab.run(['agent', 'status'])).status === 0),
  ])
}

describe('holdfast agent', () => {
  test('answers at a socket of its user alone, and is the only one', async () => {
    expect((await lab.run(['agent', 'status'])).status).toBe(90)
    await startAgent()
    expect(statSync(join(lab.server.root, 'agent.sock')).mode & 0o777).toBe(0o600)
    expect(await status()).toMatchObject({
      copies: true,
      refused: null,
      jobs: [{ name: 'backup' }, { name: 'verify' }],
    })
    const second = await lab.run(['--json', 'agent'])
    expect(second.status).toBe(92)
    expect(faultOf(second).code).toBe('AGENT_RUNNING')
  })

  test('runs a job when it is asked, and fills the copy', async () => {
    const run = jsonOf<AgentRun>(await lab.ok(['agent', 'run', 'backup', '--json']))
    expect(run).toMatchObject({ outcome: 'done', cause: 'hand', exit: 0 })
    const [made] = await backups()
    await until('the copy has it', async () => (await backups('second')).some(({ id }) => id === made?.id))
    const unknown = await lab.run(['agent', 'run', 'bakup', '--json'])
    expect(faultOf(unknown)).toMatchObject({ code: 'AGENT_REFUSED', hint: 'Did you mean "backup"?' })
  })

  test('keeps the configuration it has when the new one is not valid, and says why', async () => {
    configure({ backup: 'dayly at 02:00' })
    agent.kill('SIGHUP')
    const refused = await until('it refuses', async () => (await status()).refused ?? undefined)
    expect(refused).toContain('did you mean "daily"?')
    expect((await status()).jobs).toHaveLength(2)
    const reloaded = await lab.run(['agent', 'reload', '--socket', socketPath(), '--json'])
    expect(faultOf(reloaded).message).toContain('jobs.backup')
    configure({ backup: 'daily at 02:00', nightly: { at: 'daily at 03:00', run: 'dump --jbos 4' } })
    expect(faultOf(await lab.run(['agent', 'reload', '--socket', socketPath(), '--json'])).message).toContain(
      "unknown option '--jbos'",
    )
    configure({ ...yearly, verify: { at: 'every minute', run: 'verify --all' } })
    agent.kill('SIGHUP')
    await until('it takes it', async () => (await jobOf('verify')).at === 'every minute')
    expect((await status()).refused).toBeNull()
  })

  test('is killed at random moments, and goes on right', async () => {
    for (let round = 1; round <= 3; round++) {
      const before = await jobOf('backup')
      const running = await lab.run(['agent', 'run', 'backup', '--no-wait'])
      expect(running.status, describeRun(running)).toBe(0)
      const pauseMs = random.integer(0, 1500)
      const startedAt = performance.now()
      await until('the moment has come', () => performance.now() - startedAt > pauseMs)
      agent.kill('SIGKILL')
      await agent.ended
      await startAgent()
      const run = await until('how it ended is known', async () => {
        const { history } = await jobOf('backup')
        return history.length > before.history.length ? history.at(-1) : undefined
      })
      // The run outlived its agent, and was neither lost nor started twice.
      expect(run).toMatchObject({ outcome: 'done', cause: 'hand' })
      expect((await jobOf('backup')).state).toBe('scheduled')
    }
    const runs = (await jobOf('backup')).history.filter(({ outcome }) => outcome === 'done')
    expect(await backups()).toHaveLength(runs.length)
  })

  // By now the minute that was asked for is nearly over.
  test('runs a job when it is due', async () => {
    const run = await until(
      'the minute is over',
      async () => (await jobOf('verify')).history.find(({ cause }) => cause === 'schedule'),
      { timeoutMs: 120_000, everyMs: 500 },
    )
    expect(run).toMatchObject({ outcome: 'done', attempt: 1 })
    const lateMs = Date.parse(run.startedAt) - Date.parse(run.dueAt)
    expect(lateMs).toBeLessThan(30_000)
    expect(Date.parse(run.dueAt) % 60_000).toBe(0)
  })

  test('ends cleanly in time when it is told to, and what ran cleans up', async () => {
    await lab.ok(['agent', 'run', 'backup', '--no-wait'])
    const startedAt = performance.now()
    agent.kill('SIGTERM')
    const run = await agent.ended
    expect(run.status, describeRun(run)).toBe(0)
    expect(performance.now() - startedAt).toBeLessThan(40_000)
    const events = run.out
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as { readonly event: string; readonly outcome?: string })
    expect(events.at(-1)?.event).toBe('agent.stopped')
    expect(['done', 'stopped']).toContain(events.find(({ event }) => event === 'job.ended')?.outcome)
    expect((await lab.run(['agent', 'status'])).status).toBe(90)
    await lab.ok(['verify', '--all'])
  })

  test.runIf(hasNotify)('told systemd when it was ready, alive, reloading and stopping', () => {
    for (const word of ['READY=1', 'WATCHDOG=1', 'RELOADING=1', 'STOPPING=1']) expect(heard()).toContain(word)
    expect(heard()).toMatch(/MAINPID=\d+/)
  })
})
