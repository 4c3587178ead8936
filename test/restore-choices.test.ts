/** Every choice that `restore` offers, on a server: where it stops, what it does there, and which history it follows. */
import { execFileSync } from 'node:child_process'
import { appendFileSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import { describeRun } from './support/holdfast.ts'
import { whileCopying } from './support/halfway-backup.ts'
import { catchUp, startStandby } from './support/postgres-standby.ts'
import { keysOf } from './support/repository-files.ts'
import { makeOwned } from './support/postgres-server.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { faultOf, restore, restoreAndStart, tryRestore, untilRecovered } from './support/restored-server.ts'
import { untilDisconnected } from './support/sessions.ts'
import { until } from './support/until.ts'

const build = 'debian'
const rowsOf = 'SELECT coalesce(max(n), 0) FROM t'

/** One row before the backup, one in each later step, with a restore point after each. */
async function openStory(): Promise<{ lab: Lab; backup: BackupRecord }> {
  const lab = await openLab({ major: 15, build, settings: { track_commit_timestamp: 'on' } })
  await lab.server.query(
    'CREATE TABLE t (n int, at timestamptz DEFAULT clock_timestamp()); INSERT INTO t VALUES (1)',
  )
  const backup = await lab.backup()
  for (const n of [2, 3]) {
    await lab.server.query(`INSERT INTO t VALUES (${String(n)})`)
    await lab.server.query('SELECT pg_create_restore_point($1)', [`after ${String(n)}`])
  }
  await lab.archiveAll()
  return { lab, backup }
}

describe('restore', () => {
  let lab: Lab
  let backup: BackupRecord

  beforeAll(async () => {
    ;({ lab, backup } = await openStory())
  })

  afterAll(() => lab[Symbol.asyncDispose]())

  test('goes to the end of the archived WAL unless told otherwise', async () => {
    await using restored = await restoreAndStart(lab, [], { build })
    expect(await restored.server.value(rowsOf)).toBe('3')
  })

  test('to the end of the backup shows what was there when it ended', async () => {
    await using restored = await restoreAndStart(lab, ['--to-immediate'], { build })
    expect(await restored.server.value(rowsOf)).toBe('1')
  })

  test('that pauses at the target can be asked, and goes on when it is told to', async () => {
    await using restored = await restore(lab, ['--to-name', 'after 2', '--action', 'pause'], { build })
    await restored.server.start()
    expect(await untilRecovered(restored.server)).toBe('paused')
    expect(await restored.server.value(rowsOf)).toBe('2')
    await restored.server.query('SELECT pg_wal_replay_resume()')
    await expect
      .poll(() => restored.server.value('SELECT pg_is_in_recovery()'), { timeout: 20_000 })
      .toBe('false')
    expect(await restored.server.value(rowsOf)).toBe('2')
  })

  test('that shuts down at the target leaves a server that is exactly there', async () => {
    await using restored = await restore(lab, ['--to-name', 'after 2', '--action', 'shutdown'], { build })
    // It may accept reads for a moment before it is at its target, or not.
    await restored.server.start().catch(() => undefined)
    await until('the server has shut down', () =>
      restored.server.log().includes('database system is shut down'),
    )
    expect(restored.server.log()).toContain('shutdown at recovery target')
    const state = execFileSync(
      join(restored.server.binDirectory, 'pg_controldata'),
      [restored.server.dataDirectory],
      { encoding: 'utf8' },
    )
    expect(state).toContain('shut down in recovery')
  })

  test('with --start brings up a server at the target and says where it is', async () => {
    await using restored = await restore(lab, ['--to-name', 'after 2', '--start'], { build })
    const result = JSON.parse(restored.run.out) as {
      recoveredTo: { time: string; lsn: string; timeline: number }
    }
    expect(result.recoveredTo).toMatchObject({ timeline: 2 })
    expect(Date.parse(result.recoveredTo.time)).toBeGreaterThan(Date.parse(backup.endedAt))
    const running = readFileSync(join(restored.server.dataDirectory, 'postmaster.pid'), 'utf8').split('\n')
    const [, , , port = '', socketDirectory = ''] = running
    const psql = join(restored.server.binDirectory, 'psql')
    const rows = execFileSync(
      psql,
      ['-XAt', '-h', socketDirectory, '-p', port, '-U', 'postgres', '-c', rowsOf],
      { encoding: 'utf8' },
    )
    expect(rows.trim()).toBe('2')
    execFileSync('kill', ['-INT', running[0] ?? ''])
    await expect
      .poll(() => existsSync(join(restored.server.dataDirectory, 'postmaster.pid')), { timeout: 20_000 })
      .toBe(false)
  })

  test('with --plan writes nothing', async () => {
    await using planned = await restore(lab, ['--plan'], { build })
    expect(existsSync(planned.server.dataDirectory)).toBe(false)
    expect(planned.run.out).toContain(backup.id)
  })

  test('refuses a time after the last commit and names the latest that can be reached', async () => {
    const last = await lab.server.value('SELECT max(at) FROM t')
    await using refused = await tryRestore(lab, ['--to-time', '2100-01-01 00:00:00+00:00'], { build })
    expect(refused.run.status, describeRun(refused.run)).toBe(50)
    expect(faultOf(refused.run)).toMatchObject({ code: 'TARGET_UNREACHABLE' })
    expect(faultOf(refused.run).message + faultOf(refused.run).hint).toContain(
      new Date(last).toISOString().slice(11, 19),
    )
    expect(existsSync(refused.server.dataDirectory), 'nothing is written').toBe(false)
  })

  test.each([
    ['a time before the first backup', ['--to-time', '2001-01-01 00:00:00+00:00']],
    ['a restore point that was never made', ['--to-name', 'no such point']],
    ['a position that the log has not reached', ['--to-lsn', 'FF/0']],
    ['a transaction that never was', ['--to-xid', '999999']],
  ] as const)('refuses %s before it writes anything', async (_, args) => {
    await using refused = await tryRestore(lab, args, { build })
    expect(refused.run.status, describeRun(refused.run)).toBe(50)
    expect(faultOf(refused.run).hint).not.toBe('')
    expect(existsSync(refused.server.dataDirectory)).toBe(false)
  })

  test('refuses a time without an offset', async () => {
    await using refused = await tryRestore(lab, ['--to-time', '2026-01-01 00:00:00'], { build })
    expect(refused.run.status).toBe(2)
  })

  test('refuses the directory of a server that runs, whatever it is told', async () => {
    for (const force of [[], ['--delta'], ['--force']]) {
      const run = await lab.run([
        'restore',
        '--target-dir',
        lab.server.dataDirectory,
        '--yes',
        '--json',
        ...force,
      ])
      expect(run.status, describeRun(run)).toBe(51)
    }
    expect(await lab.server.value(rowsOf)).toBe('3')
  })

  test('refuses a directory that holds something, and writes into it with --force', async () => {
    await using restored = await restore(lab, [], { build })
    const again = ['restore', '--target-dir', restored.server.dataDirectory, '--yes', '--json']
    expect((await lab.run(again)).status).toBe(51)
    await lab.ok([...again, '--force'])
    await restored.server.start()
    await untilRecovered(restored.server)
    expect(await restored.server.value(rowsOf)).toBe('3')
  })

  test('with --delta repairs a directory in which files were changed, cut, added and removed', async () => {
    await using restored = await restoreAndStart(lab, [], { build })
    const { server } = restored
    await server.query('CREATE TABLE more AS SELECT generate_series(1, 20000) AS n; DROP TABLE t; CHECKPOINT')
    const [{ path } = { path: '' }] = await server.query<{ path: string }>(
      "SELECT pg_relation_filepath('pg_class') AS path",
    )
    await server.stop()
    execFileSync('truncate', ['-s', '8192', join(server.dataDirectory, path)])
    appendFileSync(join(server.dataDirectory, 'global/1262'), 'x')
    writeFileSync(join(server.dataDirectory, 'base/1/99999'), 'not of the backup')
    await lab.ok(['restore', '--target-dir', server.dataDirectory, '--delta', '--yes', '--json'])
    expect(existsSync(join(server.dataDirectory, 'base/1/99999'))).toBe(false)
    await server.start()
    await untilRecovered(server)
    expect(await server.value(rowsOf)).toBe('3')
    expect(await server.value("SELECT to_regclass('more') IS NULL")).toBe('true')
  })

  test('takes any name of a restore point, and any path of its configuration', async () => {
    const name = `it's "half" \\ way ü`
    await lab.server.query('SELECT pg_create_restore_point($1)', [name])
    await lab.archiveAll()
    const folder = join(lab.server.root, `sp ace's "x" $HOME %p`)
    makeOwned(folder)
    const config = join(folder, 'hold fast.yaml')
    lab.write(config, readFileSync(lab.configPath))
    await using restored = await restoreAndStart(lab, ['--config', config, '--to-name', name], { build })
    expect(restored.server.log()).toContain(`recovery stopping at restore point "${name}"`)
  })

  test('says that the key is wrong before it writes anything', async () => {
    const identity = join(lab.server.root, 'wrong.txt')
    execFileSync('age-keygen', ['-o', identity], { stdio: 'ignore' })
    execFileSync('chmod', ['a+r', identity])
    const { encryption } = lab.config.repositories['main'] ?? {}
    const config = lab.writeRepositoryConfig('wrong-key.yaml', {
      encryption: { ...(encryption as object), identity: { file: identity } },
    })
    await using refused = await tryRestore(lab, ['--config', config], { build })
    expect(refused.run.status, describeRun(refused.run)).toBe(23)
    expect(existsSync(refused.server.dataDirectory)).toBe(false)
  })
})

describe('after a promotion', () => {
  test('restore follows the newest timeline, or the one it is told to', async () => {
    const { lab } = await openStory()
    await using _ = lab
    // A copy at "after 2" takes the place of the original, and goes another way.
    await using heir = await restore(lab, ['--to-name', 'after 2', '--as-replacement'], { build })
    await lab.server.stop()
    await heir.server.start()
    await untilRecovered(heir.server)
    await heir.server.query('INSERT INTO t VALUES (20)')
    const segment = await heir.server.value('SELECT pg_walfile_name(pg_switch_wal())')
    await expect
      .poll(() => heir.server.value('SELECT last_archived_wal FROM pg_stat_archiver'), { timeout: 20_000 })
      .toBe(segment)

    await using newest = await restoreAndStart(lab, ['--latest'], { build })
    expect(await newest.server.value(rowsOf)).toBe('20')
    for (const choice of ['1', 'current']) {
      await using old = await restoreAndStart(lab, ['--latest', '--timeline', choice], { build })
      expect(await old.server.value(rowsOf), choice).toBe('3')
    }
  })
})

describe('a backup from a standby', () => {
  test('comes back as one from the primary does', async () => {
    const { lab } = await openStory()
    await using _ = lab
    await using standby = await startStandby(lab.server, { build, settings: { archive_mode: 'off' } })
    await lab.server.query('INSERT INTO t VALUES (4)')
    await catchUp(lab.server, standby)
    const config = lab.writeConfig('standby.yaml', {
      postgres: {
        connection: standby.connectionString,
        primary: lab.server.connectionString,
        bin_directory: standby.binDirectory,
      },
    })
    const backup = await lab.json<BackupRecord>(['--config', config, 'backup'])
    expect(backup.fromStandby).toBe(true)
    await untilDisconnected(standby)
    await untilDisconnected(lab.server)
    await lab.server.query('INSERT INTO t VALUES (5)')
    await lab.archiveAll()
    await using restored = await restoreAndStart(lab, ['--backup', backup.id], { build })
    expect(await restored.server.value(rowsOf)).toBe('5')
    await using atEnd = await restoreAndStart(lab, ['--backup', backup.id, '--to-immediate'], { build })
    expect(await atEnd.server.value(rowsOf)).toBe('4')
  })
})

describe('a standby that is promoted while it is backed up', () => {
  test('gives no backup, and says why', async () => {
    const { lab } = await openStory()
    await using _ = lab
    await lab.server.query('CREATE TABLE large AS SELECT n, md5(n::text) FROM generate_series(1, 300000) n')
    await lab.archiveAll()
    await using standby = await startStandby(lab.server, { build, settings: { archive_mode: 'off' } })
    await catchUp(lab.server, standby)
    const config = {
      postgres: { connection: standby.connectionString, primary: lab.server.connectionString },
    }
    const ids = (await lab.json<readonly BackupRecord[]>(['list'])).map(({ id }) => id)
    const run = await whileCopying(
      lab,
      async () => {
        await standby.query('SELECT pg_promote()')
      },
      {
        level: 9,
        config,
      },
    )
    expect(run.status, describeRun(run)).toBe(41)
    expect(faultOf(run).message).toMatch(/promoted/)
    expect((await lab.json<readonly BackupRecord[]>(['list'])).map(({ id }) => id)).toEqual(ids)
  })
})

describe('a cluster that was promoted before Holdfast came', () => {
  test('has no history file in the repository, and is verified and restored all the same', async () => {
    await using lab = await openLab({ major: 15, build })
    // Archiving is off while the timeline begins: the history file is never archived.
    const archiveCommand = await lab.server.value('SHOW archive_command')
    lab.server.configure({ archive_command: '' })
    await promoteInPlace(lab)
    for (const name of readdirSync(join(lab.server.dataDirectory, 'pg_wal/archive_status'))) {
      if (name.includes('.history')) rmSync(join(lab.server.dataDirectory, 'pg_wal/archive_status', name))
    }
    lab.server.configure({ archive_command: archiveCommand })
    await lab.server.restart()
    await lab.server.query('CREATE TABLE t AS SELECT 1 AS n')
    const backup = await lab.backup()
    expect(backup.timeline).toBe(2)
    expect(keysOf(lab.repositoryDirectory).filter(key => key.includes('.history'))).toEqual([])
    await lab.server.query('INSERT INTO t VALUES (2)')
    await lab.archiveAll()
    await lab.ok(['verify'])
    await lab.ok(['wal', 'status'])
    await using restored = await restoreAndStart(lab, [], { build })
    expect(await restored.server.value('SELECT count(*) FROM t')).toBe('2')
    await using again = await restoreAndStart(lab, ['--timeline', '2', '--to-immediate'], { build })
    expect(await again.server.value('SELECT count(*) FROM t')).toBe('1')
  })
})

describe('the end of a timeline that was left in the middle of a segment', () => {
  test('comes back from the partial segment that was archived', async () => {
    await using lab = await openLab({ major: 15, build })
    await lab.server.query('CREATE TABLE t AS SELECT 1 AS n')
    await lab.backup()
    await lab.server.query('INSERT INTO t VALUES (2)')
    await promoteInPlace(lab)
    await lab.server.query('INSERT INTO t VALUES (3)')
    await lab.archiveAll()
    expect(keysOf(lab.repositoryDirectory).some(key => key.includes('.partial.zst'))).toBe(true)
    await using old = await restoreAndStart(lab, ['--timeline', '1'], { build })
    expect(await old.server.value('SELECT count(*) FROM t')).toBe('2')
    await using newest = await restoreAndStart(lab, [], { build })
    expect(await newest.server.value('SELECT count(*) FROM t')).toBe('3')
    await lab.ok(['verify'])
  })
})

/** The server goes on as a timeline of its own, on the same data directory. */
async function promoteInPlace({ server }: Lab): Promise<void> {
  await server.stop()
  writeFileSync(join(server.dataDirectory, 'standby.signal'), '')
  await server.start()
  await server.query('SELECT pg_promote()')
}
