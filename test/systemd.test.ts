/**
 * The units under a real systemd: what they forbid keeps nothing from working, and what systemd promises (started again,
 * reloaded, watched, ended) is kept. Everything lies where a host has it, and not in /tmp, where units may write anyway.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AgentRun, AgentStatus } from '../src/control/agent-status.ts'
import { launcher } from './support/holdfast.ts'
import { serverUser } from './support/postgres-binaries.ts'
import { makeOwned } from './support/postgres-server.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { startSystemd, systemdMissing, type SystemdHost } from './support/systemd-host.ts'
import { until } from './support/until.ts'

const missing = await systemdMissing()
if (missing !== undefined) console.log(`units are not tried under a real systemd: ${missing}`)

const unit = 'holdfast-lab.service'

describe.runIf(missing === undefined)('under a real systemd', () => {
  let lab: Lab
  let host: SystemdHost

  beforeAll(async () => {
    lab = await openLab({ major: 15, build: 'debian', walSegmentSizeMb: 1, folder: '/var/lib' })
    await lab.server.query('CREATE TABLE t AS SELECT n FROM generate_series(1, 1000) n')
    for (const name of ['drills', 'second']) makeOwned(join(lab.server.root, name))
    configure({ verify: { at: 'yearly', run: 'verify --all' } })
    await lab.ok(['init', '--yes'])
    host = await startSystemd([lab.server.root])
  })

  afterAll(async () => {
    await host[Symbol.asyncDispose]()
    await lab[Symbol.asyncDispose]()
  })

  function configure(
    jobs: Readonly<Record<string, unknown>>,
    more: Readonly<Record<string, unknown>> = {},
  ): void {
    const main = lab.config.repositories['main']
    lab.writeConfig('holdfast.yaml', {
      repositories: {
        main,
        second: { ...main, url: `file://${join(lab.server.root, 'second')}`, copy_of: 'main' },
      },
      drills: { scratch: join(lab.server.root, 'drills') },
      agent: { spread: '0s' },
      jobs: { backup: 'yearly', dump: 'yearly', drill: 'yearly', ...jobs },
      ...more,
    })
  }

  async function install(...options: readonly string[]): Promise<void> {
    const folder = join(lab.server.root, 'units')
    execFileSync('rm', ['-rf', folder])
    await lab.ok(['policy', 'systemd', '--write', folder, ...options])
    const files = readdirSync(folder).map(name => join(folder, name))
    await host.ok('cp', [...files, '/etc/systemd/system'])
    await host.ok('systemctl', ['daemon-reload'])
  }

  async function change(name: string, lines: readonly string[]): Promise<void> {
    const script = 'mkdir -p "$1" && printf "%s\\n" "$2" >"$1/quick.conf" && systemctl daemon-reload'
    await host.ok('sh', ['-c', script, 'change', `/run/systemd/system/${name}.d`, lines.join('\n')])
  }

  const shown = async (property: string, name = unit): Promise<string> =>
    (await host.ok('systemctl', ['show', '--value', '--property', property, name])).trim()

  const journal = (name = unit): Promise<string> =>
    host.ok('journalctl', ['--unit', name, '--output', 'cat', '--no-pager'])

  const holdfast = (...args: readonly string[]) => {
    const { uid, gid } = serverUser()
    const user = [`--reuid=${String(uid)}`, `--regid=${String(gid)}`, '--clear-groups']
    return host.ok('setpriv', [...user, launcher(), '--config', lab.configPath, ...args])
  }

  const json = async <T>(...args: readonly string[]): Promise<T> =>
    JSON.parse(await holdfast(...args, '--json')) as T

  async function runs(job: string): Promise<void> {
    const run = await json<AgentRun>('agent', 'run', job)
    expect(run, `${job}\n${await journal()}`).toMatchObject({ outcome: 'done', message: null })
  }

  /** Another process than before answers. */
  async function startedAgain(before: string): Promise<void> {
    await until('it is started again', async () => {
      const [state, pid] = [await shown('ActiveState'), await shown('MainPID')]
      return state === 'active' && pid !== before && pid !== '0'
    })
    expect((await json<AgentStatus>('agent', 'status')).pid).toBeGreaterThan(0)
  }

  test('the agent starts, and systemd hears when it is ready', async () => {
    await install('--user', serverUser().name)
    await host.run('systemctl', ['enable', '--now', unit])
    expect(await shown('ActiveState'), await journal()).toBe('active')
    expect(await journal()).toContain('"event":"agent.started"')
    expect((await json<AgentStatus>('agent', 'status')).jobs).toHaveLength(4)
  })

  test('what the unit forbids keeps no job from being done', async () => {
    for (const job of ['backup', 'dump', 'verify', 'drill']) await runs(job)
    await until('the copy is filled', () => existsSync(join(lab.server.root, 'second/lab/dumps')))
  })

  test('is reloaded', async () => {
    configure({})
    await host.ok('systemctl', ['reload', unit])
    await until(
      'it has loaded it',
      async () => (await json<AgentStatus>('agent', 'status')).jobs.length === 3,
    )
    expect(await shown('ActiveState')).toBe('active')
  })

  test('is started again after kill -9, and so is one that hangs', async () => {
    await change(unit, ['[Service]', 'RestartSec=100ms', 'WatchdogSec=10s'])
    const first = await shown('MainPID')
    await host.ok('systemctl', ['kill', '--kill-who=main', '--signal=KILL', unit])
    await startedAgain(first)
    const fed = await shown('WatchdogTimestampMonotonic')
    await until('the watchdog is fed', async () => (await shown('WatchdogTimestampMonotonic')) !== fed)
    const second = await shown('MainPID')
    await host.ok('systemctl', ['kill', '--kill-who=main', '--signal=STOP', unit])
    await startedAgain(second)
    expect(await journal()).toContain('Watchdog timeout')
  })

  test('ends cleanly', async () => {
    await host.ok('systemctl', ['stop', unit])
    expect(await shown('ActiveState')).toBe('inactive')
    expect(await shown('Result')).toBe('success')
    expect((await journal()).trim().split('\n').at(-1)).toContain('Stopped')
    expect(await journal()).toContain('"event":"agent.stopped"')
  })

  test('as root it can do the same', async () => {
    await install('--user', 'root')
    await host.ok('systemctl', ['start', unit])
    for (const job of ['backup', 'drill']) {
      const out = await host.ok(launcher(), ['--config', lab.configPath, 'agent', 'run', job, '--json'])
      expect(JSON.parse(out), await journal()).toMatchObject({ outcome: 'done', message: null })
    }
    await host.ok('systemctl', ['disable', '--now', unit])
  })

  test('with snapshots of volumes it may write beside them, and sudo gives it rights', async () => {
    configure({}, { snapshots: { provider: 'btrfs' } })
    await install('--user', serverUser().name)
    await host.ok('systemctl', ['start', unit])
    const pid = await shown('MainPID')
    expect(await host.ok('cat', [`/proc/${pid}/status`])).toMatch(/^NoNewPrivs:\t0$/m)
    await host.ok('nsenter', [
      '--target',
      pid,
      '--mount',
      'mkdir',
      join(lab.server.root, '.holdfast-snapshots'),
    ])
    await host.ok('systemctl', ['stop', unit])
    configure({})
  })

  test('timers start jobs as often as they should, and the copies are kept up to date', async () => {
    await install('--timers', '--user', serverUser().name)
    await change('holdfast-lab-backup.timer', ['[Timer]', 'OnCalendar=', 'OnCalendar=*:*:0/3'])
    const count = (folder: string): number => readdirSync(join(lab.server.root, folder, 'lab/backups')).length
    const before = count('repository')
    await host.ok('systemctl', [
      'enable',
      '--now',
      'holdfast-lab-backup.timer',
      'holdfast-lab-copies.service',
    ])
    await until('it has run', () => count('repository') > before + 1)
    await host.ok('systemctl', ['disable', '--now', 'holdfast-lab-backup.timer'])
    await until('the last one has ended', async () =>
      ['inactive', 'failed'].includes(await shown('ActiveState', 'holdfast-lab-backup.service')),
    )
    expect(await shown('Result', 'holdfast-lab-backup.service')).toBe('success')
    await until('the copy has them', () => count('second') === count('repository'))
    const entries = await json<readonly { readonly who: { readonly by: string; readonly job: string } }[]>(
      ...['audit', 'list', '--verb', 'backup', '--last', '1'],
    )
    expect(entries[0]?.who).toMatchObject({ by: 'timer', job: 'backup' })
  })

  test('what failed is tried again as often as it is stated, and no more', async () => {
    configure({ backup: { at: 'yearly', attempts: 2, pause: '1s' } })
    await install('--timers', '--user', serverUser().name)
    const service = 'holdfast-lab-backup.service'
    const [there, away] = ['repository', 'repository-away'].map(name => join(lab.server.root, name))
    await host.ok('systemctl', ['reset-failed'])
    await host.ok('mv', [there ?? '', away ?? ''])
    try {
      await host.run('systemctl', ['start', service])
      await until('it is given up', async () => (await shown('ActiveState', service)) === 'failed')
      const tries = (await journal(service)).match(/there is no folder/g)
      expect(tries).toHaveLength(2)
    } finally {
      await host.ok('mv', [away ?? '', there ?? ''])
    }
    await host.ok('systemctl', ['reset-failed', service])
    await host.ok('systemctl', ['start', service])
  })
})
