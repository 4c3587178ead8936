/**
 * The agent's unit under a real systemd: what it forbids keeps nothing from working, and what systemd promises (started again,
 * reloaded, watched, ended) is kept.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AgentRun, AgentStatus } from '../src/control/agent-status.ts'
import { launcher } from './support/holdfast.ts'
import { serverUser } from './support/postgres-binaries.ts'
import { systemdMissing } from './support/systemd-host.ts'
import { openSystemdLab, type SystemdLab } from './support/systemd-lab.ts'
import { until } from './support/until.ts'

const missing = await systemdMissing()
if (missing !== undefined) console.log(`units are not tried under a real systemd: ${missing}`)

const unit = 'holdfast-lab.service'

describe.runIf(missing === undefined)('the agent, under a real systemd,', () => {
  let scene: SystemdLab
  beforeAll(async () => {
    scene = await openSystemdLab()
    scene.configure({ verify: { at: 'yearly', run: 'verify --all' } })
  })
  afterAll(() => scene[Symbol.asyncDispose]())

  const inRoot = (name: string): string => join(scene.lab.server.root, name)
  const shown = (property: string): Promise<string> => scene.shown(property, unit)
  const journal = (): Promise<string> => scene.journal(unit)
  const status = (): Promise<AgentStatus> => scene.json('agent', 'status')
  const systemctl = (...words: readonly string[]): Promise<string> => scene.host.ok('systemctl', words)

  /** Another process than before answers. */
  async function startedAgain(before: string): Promise<void> {
    await until('it is started again', async () => {
      const [state, pid] = [await shown('ActiveState'), await shown('MainPID')]
      return state === 'active' && pid !== before && pid !== '0'
    })
    expect((await status()).pid).toBeGreaterThan(0)
  }

  test('starts, and systemd hears when it is ready', async () => {
    await scene.install('--user', serverUser().name)
    await scene.host.run('systemctl', ['enable', '--now', unit])
    expect(await shown('ActiveState'), await journal()).toBe('active')
    expect(await journal()).toContain('"event":"agent.started"')
    expect((await status()).jobs).toHaveLength(4)
  })

  test('can do every job within what the unit allows', async () => {
    for (const job of ['backup', 'dump', 'verify', 'drill']) {
      const run = await scene.json<AgentRun>('agent', 'run', job)
      expect(run, `${job}\n${await journal()}`).toMatchObject({ outcome: 'done', message: null })
    }
    await until('the copy is filled', () => existsSync(inRoot('second/lab/dumps')))
  })

  test('is reloaded', async () => {
    scene.configure({})
    await systemctl('reload', unit)
    await until('it has loaded it', async () => (await status()).jobs.length === 3)
    expect(await shown('ActiveState')).toBe('active')
  })

  test('is started again after kill -9, and when it hangs', async () => {
    await scene.change(unit, ['[Service]', 'RestartSec=100ms', 'WatchdogSec=10s'])
    const first = await shown('MainPID')
    await systemctl('kill', '--kill-who=main', '--signal=KILL', unit)
    await startedAgain(first)
    const fed = await shown('WatchdogTimestampMonotonic')
    await until('the watchdog is fed', async () => (await shown('WatchdogTimestampMonotonic')) !== fed)
    const second = await shown('MainPID')
    await systemctl('kill', '--kill-who=main', '--signal=STOP', unit)
    await startedAgain(second)
    expect(await journal()).toContain('Watchdog timeout')
  })

  test('ends cleanly', async () => {
    await systemctl('stop', unit)
    expect(await shown('ActiveState')).toBe('inactive')
    expect(await shown('Result')).toBe('success')
    expect(await journal()).toContain('"event":"agent.stopped"')
  })

  test('can do the same as root', async () => {
    await scene.install('--user', 'root')
    await systemctl('start', unit)
    for (const job of ['backup', 'drill']) {
      const words = ['--config', scene.lab.configPath, 'agent', 'run', job, '--json']
      const run = JSON.parse(await scene.host.ok(launcher(), words)) as AgentRun
      expect(run, await journal()).toMatchObject({ outcome: 'done', message: null })
    }
    await systemctl('disable', '--now', unit)
  })

  test('may write beside the volumes that it snapshots, and sudo gives it rights', async () => {
    scene.configure({}, { snapshots: { provider: 'btrfs' } })
    await scene.install('--user', serverUser().name)
    await systemctl('start', unit)
    const pid = await shown('MainPID')
    expect(await scene.host.ok('cat', [`/proc/${pid}/status`])).toMatch(/^NoNewPrivs:\t0$/m)
    await scene.host.ok('nsenter', ['--target', pid, '--mount', 'mkdir', inRoot('.holdfast-snapshots')])
    await systemctl('stop', unit)
  })
})
