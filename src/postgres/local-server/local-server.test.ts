import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { binDirectory, majors } from '../../../test/support/postgres-binaries.ts'
import {
  copyCluster,
  giveAway,
  makeSource,
  restore,
  type Mark,
  type Source,
} from '../../../test/support/postgres-recovery-lab.ts'
import { startServer } from '../../../test/support/postgres-server.ts'
import { catchUp, startStandby } from '../../../test/support/postgres-standby.ts'
import { until } from '../../../test/support/until.ts'
import { systemWorld } from '../../base/world.ts'
import { connect } from '../connection.ts'
import type { RecoveryStop } from '../recovery-settings.ts'
import { findServer } from '../tools.ts'
import { followRecovery } from './follow-recovery.ts'
import { startLocalServer, type LocalServer, type LocalServerOptions } from './local-server.ts'

const never = new AbortController().signal
const world = systemWorld()

async function start(
  { server }: Source,
  dataDirectory: string,
  change: Partial<LocalServerOptions> = {},
): Promise<LocalServer> {
  const programs = await findServer(server.major, { binDirectory: binDirectory(server.major) }, never)
  const options: LocalServerOptions = {
    dataDirectory,
    programs,
    runDirectory: join(dataDirectory, '../run'),
    reach: 'private',
    hotStandby: true,
    environment: { PATH: process.env['PATH'] },
    settings: { fsync: 'off' },
    ...change,
  }
  return startLocalServer(options, world, never)
}

async function idsIn(server: LocalServer): Promise<string> {
  await using connection = await connect((await server.connectionString()) ?? '', { environment: {} }, never)
  const [row] = await connection.query<{ ids: string }>(
    "SELECT coalesce(string_agg(id::text, ',' ORDER BY id), '') AS ids FROM public.marks",
    [],
    never,
  )
  return row?.ids ?? ''
}

describe.each(majors)('a restored server of PostgreSQL %i', major => {
  let source: Source
  beforeAll(async () => {
    source = await makeSource(major)
  })
  afterAll(() => source.server.remove())
  const mark = (id: number): Mark => source.marks[id - 1] ?? { id, xid: 0n, lsn: 0n, time: 0 }

  const targets: [string, () => RecoveryStop, string][] = [
    ['the end of the WAL', () => ({ kind: 'latest' }), '1,2,3,4,5'],
    ['the end of the backup', () => ({ kind: 'immediate' }), ''],
    ['a time, inclusive', () => ({ kind: 'time', time: mark(3).time, inclusive: true }), '1,2,3'],
    ['a time, exclusive', () => ({ kind: 'time', time: mark(3).time, inclusive: false }), '1,2'],
    ['an LSN', () => ({ kind: 'lsn', lsn: mark(4).lsn, inclusive: false }), '1,2,3,4'],
    ['a transaction', () => ({ kind: 'xid', xid: mark(2).xid, inclusive: true }), '1,2'],
    ['a restore point', () => ({ kind: 'name', name: 'point-4' }), '1,2,3,4'],
  ]
  // All of them on the oldest and the newest; what differs between versions is the rest of the suite.
  test.each(major === 14 || major === 18 ? targets : targets.slice(2, 3))(
    'promotes at %s',
    async (_, target, ids) => {
      const data = restore(source, { target: target() })
      await using server = await start(source, data, { hotStandby: false })
      const outcome = await followRecovery(server, { standby: false }, world, never)
      expect(outcome).toMatchObject({ state: 'promoted', timeline: 2 })
      expect(outcome.lsn).toBeGreaterThan(0n)
      expect(await idsIn(server)).toBe(ids)
      if (target().kind === 'time' && ids.endsWith('3')) expect(outcome.time).toBe(mark(3).time)
    },
  )

  test('pauses at its target, and says where', async () => {
    await using server = await start(
      source,
      restore(source, { action: 'pause', target: { kind: 'xid', xid: mark(3).xid, inclusive: true } }),
    )
    const outcome = await followRecovery(server, { standby: false }, world, never)
    expect(outcome).toMatchObject({
      state: 'paused',
      timeline: 1,
      time: mark(3).time,
      stop: expect.stringMatching(/^recovery stopping after commit of transaction/) as string,
    })
    expect(outcome.lsn).toBeGreaterThanOrEqual(mark(2).lsn)
    expect(await idsIn(server)).toBe('1,2,3')
  })

  test('shuts down at its target', async () => {
    await using server = await start(
      source,
      restore(source, { action: 'shutdown', target: { kind: 'name', name: 'point-2' } }),
      { hotStandby: false },
    )
    const outcome = await followRecovery(server, { standby: false }, world, never)
    expect(outcome).toMatchObject({ state: 'shut down', timeline: 1 })
    expect(outcome.lsn).toBeGreaterThanOrEqual(mark(2).lsn)
  })

  test('follows as a standby', async () => {
    await using server = await start(
      source,
      restore(source, { standby: { primaryConninfo: undefined, primarySlotName: undefined } }),
    )
    expect(await followRecovery(server, { standby: true }, world, never)).toMatchObject({
      state: 'following',
    })
  })

  test('that can not reach its target fails with PostgreSQL’s own words', async () => {
    await using server = await start(source, restore(source, { target: { kind: 'name', name: 'nowhere' } }))
    await expect(followRecovery(server, { standby: false }, world, never)).rejects.toMatchObject({
      code: 'SERVER_START',
      message: expect.stringContaining(
        'recovery ended before configured recovery target was reached',
      ) as string,
      hint: expect.stringContaining('earlier target') as string,
    })
  })

  test('stops instead of promoting when restore_command can not tell whether a segment exists', async () => {
    await using server = await start(source, restore(source, { restoreCommand: 'exit 126' }))
    await expect(followRecovery(server, { standby: false }, world, never)).rejects.toMatchObject({
      code: 'SERVER_START',
    })
    expect(server.log.recovery.ready).toBe(false)
  })
})

describe('a restored server', () => {
  let source: Source
  beforeAll(async () => {
    source = await makeSource(17)
  })
  afterAll(() => source.server.remove())

  test('starts without any configuration files, as Debian keeps them elsewhere', async () => {
    const data = restore(source, {})
    for (const name of ['postgresql.conf', 'pg_hba.conf', 'pg_ident.conf']) rmSync(join(data, name))
    await using server = await start(source, data)
    expect(await followRecovery(server, { standby: false }, world, never)).toMatchObject({
      state: 'promoted',
    })
    expect(await idsIn(server)).toBe('1,2,3,4,5')
  })

  test('never starts on the directory that a restored postgresql.conf names', async () => {
    const data = restore(source, {})
    writeFileSync(join(data, 'postgresql.conf'), `data_directory = '${source.server.dataDirectory}'\n`, {
      flag: 'a',
    })
    await using server = await start(source, data)
    await followRecovery(server, { standby: false }, world, never)
    await using connection = await connect(
      (await server.connectionString()) ?? '',
      { environment: {} },
      never,
    )
    expect(await connection.query("SELECT current_setting('data_directory') AS path", [], never)).toEqual([
      { path: data },
    ])
  })

  test('listens as its configuration says when it is to take the place of the original', async () => {
    const data = restore(source, {})
    const sockets = join(source.server.root, 'sockets')
    mkdirSync(sockets)
    giveAway(sockets)
    writeFileSync(
      join(data, 'postgresql.conf'),
      `port = 6543\nunix_socket_directories = '${sockets}'\nlisten_addresses = ''\n`,
      { flag: 'a' },
    )
    await using server = await start(source, data, { reach: 'configured' })
    await followRecovery(server, { standby: false }, world, never)
    expect(await server.connectionString()).toContain(`host=${encodeURIComponent(sockets)}&port=6543`)
    expect(await idsIn(server)).toBe('1,2,3,4,5')
  })

  test('says which settings are too low, instead of pausing for ever; without hot standby it goes on', async () => {
    const data = restore(source, {})
    writeFileSync(join(data, 'postgresql.conf'), 'max_connections = 5\n', { flag: 'a' })
    {
      await using server = await start(source, data)
      await expect(followRecovery(server, { standby: false }, world, never)).rejects.toMatchObject({
        message: expect.stringContaining('max_connections') as string,
        hint: expect.stringContaining('Raise these settings') as string,
      })
    }
    await using server = await start(source, data, { hotStandby: false })
    expect(await followRecovery(server, { standby: false }, world, never)).toMatchObject({
      state: 'promoted',
    })
  })

  test('refuses a directory on which a server runs', async () => {
    await expect(start(source, source.server.dataDirectory)).rejects.toMatchObject({
      code: 'TARGET_DIRECTORY',
    })
  })

  test('lives on after release, and ends when it is told to', async () => {
    const data = restore(source, {})
    const server = await start(source, data)
    await followRecovery(server, { standby: false }, world, never)
    server.release()
    await server[Symbol.asyncDispose]()
    expect(server.ended).toBeUndefined()
    process.kill(server.pid, 'SIGQUIT')
    await expect.poll(() => server.ended).toBeDefined()
  })
})

test.each([14, 18] as const)(
  'PostgreSQL %i: a backup taken from a standby brings back what its primary had',
  async major => {
    await using primary = await startServer({ major, archiveCommand: true })
    await primary.query('CREATE TABLE marks (id int); INSERT INTO marks VALUES (1)')
    await using standby = await startStandby(primary)
    await primary.query('INSERT INTO marks VALUES (2)')
    await catchUp(primary, standby)
    const copy = join(standby.root, 'backup/data')
    mkdirSync(copy, { recursive: true, mode: 0o700 })
    await copyCluster(standby, copy)
    await primary.query('INSERT INTO marks VALUES (3)')
    const last = await primary.value('SELECT pg_walfile_name(pg_switch_wal())')
    await until(`${last} is archived`, () => readdirSync(primary.archiveDirectory).includes(last))

    const source = { server: standby, copy, marks: [] }
    await using server = await start(
      source,
      restore(source, { restoreCommand: `cp "${primary.archiveDirectory}/%f" "%p"` }),
    )
    expect(await followRecovery(server, { standby: false }, world, never)).toMatchObject({
      state: 'promoted',
      timeline: 2,
    })
    expect(await idsIn(server)).toBe('1,2,3')
  },
)
