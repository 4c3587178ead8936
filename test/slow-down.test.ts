/**
 * Jobs step back for a standby that falls behind: a real primary, a real standby whose replay is halted, a real backup. Only
 * the agent's clock is not real: it goes ten times as fast, since it waits for minutes until it believes that all is well.
 */
import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { RateDesk } from '../src/agent/rate-desk.ts'
import { keepSlowing } from '../src/agent/slow-down.ts'
import { systemWorld, type Clock } from '../src/base/world.ts'
import { openStrainProbe } from '../src/cli/strain-probe.ts'
import { limitsFileVariable } from '../src/control/limits-file.ts'
import { shareOf, type Slowness } from '../src/policy/slow-down.ts'
import { connect } from '../src/postgres/connection.ts'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import { describeRun, jsonOf } from './support/holdfast.ts'
import type { TestServer } from './support/postgres-server.ts'
import { catchUp, startStandby } from './support/postgres-standby.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { stagedFiles } from './support/repository-files.ts'
import { until } from './support/until.ts'

const MiB = 1024 * 1024
const never = new AbortController().signal

let lab: Lab
let standby: TestServer

beforeAll(async () => {
  lab = await openLab({ major: 16, walSegmentSizeMb: 1 })
  standby = await startStandby(lab.server, { settings: { wal_receiver_status_interval: '1s' } })
  await catchUp(lab.server, standby)
})

afterAll(async () => {
  await standby.remove()
  await lab[Symbol.asyncDispose]()
})

function tenfold({ clock }: { readonly clock: Clock }): Clock {
  return {
    now: () => clock.now(),
    monotonicMs: () => clock.monotonicMs() * 10,
    sleep: (durationMs, signal) => clock.sleep(durationMs / 10, signal),
  }
}

const probeOf = (clock: Clock) =>
  openStrainProbe({
    connect: signal => connect(lab.server.connectionString, { environment: {} }, signal),
    world: { ...systemWorld(), clock },
  })

const write = (): Promise<unknown> =>
  lab.server.query("SELECT pg_logical_emit_message(false, 'test', repeat('x', 1000))")

test('a standby that says nothing is seen to fall behind, which PostgreSQL itself does not tell', async () => {
  const { clock } = systemWorld()
  const probe = probeOf(clock)
  const lag = async (): Promise<number | undefined> => (await probe.look(never)).replicationLagMs
  const told = 'SELECT coalesce(extract(epoch FROM replay_lag)::float8, 0) < 1 FROM pg_stat_replication'
  await until('nothing is left to replay', async () => (await lag()) === 0)
  const receiver = Number(
    await standby.value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walreceiver'"),
  )
  process.kill(receiver, 'SIGSTOP')
  try {
    await until('it is seen', async () => {
      await write()
      return ((await lag()) ?? 0) > 1500
    })
    expect(await lab.server.value(told)).toBe('true')
  } finally {
    process.kill(receiver, 'SIGCONT')
  }
  await until('it is well', async () => (await lag()) === 0)
  await probe.close()
})

test('a backup goes slower while a standby is behind, and as fast as before when it has caught up', async () => {
  const clock = tenfold(systemWorld())
  const folder = join(lab.server.root, 'agent')
  mkdirSync(folder)
  const stated = { read: 4 * MiB }
  const log = { info: () => undefined, warn: () => undefined }
  const desk = new RateDesk({ clock, log, folder, stated: () => stated })
  await desk.begin()
  // The backup runs as the user of the server, and it is us who write.
  const show = (): void => {
    chmodSync(desk.path, 0o644)
  }
  show()
  const steps: Slowness[] = []
  const end = new AbortController()
  const watching = keepSlowing(
    {
      clock,
      log,
      probe: probeOf(clock),
      desk: {
        async slow(slowness) {
          await desk.slow(slowness)
          show()
          steps.push(slowness)
        },
      },
      rule: () => ({ replicationLag: 10_000 }),
      isMoving: () => true,
    },
    end.signal,
  )
  await standby.query('SELECT pg_wal_replay_pause()')
  const backup = lab.start(['backup', '--json'], { environment: { [limitsFileVariable]: desk.path } })
  await until('data is being copied', () => stagedFiles(lab.repositoryDirectory).length > 0)
  await until('jobs step back twice', async () => {
    await write()
    return steps.length >= 2
  })
  expect(desk.status().slowed).toMatchObject({
    share: 0.25,
    reason: expect.stringMatching(/^replication lag \d/),
  })
  await standby.query('SELECT pg_wal_replay_resume()')
  await until('nobody is slowed', () => desk.status().slowed === null)
  const run = await backup.ended
  expect(run.status, describeRun(run)).toBe(0)
  const { sizes } = jsonOf<BackupRecord>(run)
  expect(run.durationMs).toBeGreaterThan(1.3 * ((1000 * sizes.rawBytes) / stated.read))
  end.abort()
  await watching
  expect(steps.map(shareOf)).toEqual([1 / 2, 1 / 4, 1 / 2, 1])
})
