/** Archiving as it goes in life: it fails, it is late, two servers do it, the wrong server does it, storage is away. */
import { chmodSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import { describeRun, type Run } from './support/holdfast.ts'
import { makeOwned } from './support/postgres-server.ts'
import { catchUp, startStandby } from './support/postgres-standby.ts'
import { contentOf, keysOf } from './support/repository-files.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { faultOf, restoreAndStart } from './support/restored-server.ts'
import { until } from './support/until.ts'

const build = 'debian'

describe('wal push and wal get', () => {
  let lab: Lab
  /** A segment that has ended, and was not archived. */
  let segment: string

  beforeAll(async () => {
    lab = await openLab({ major: 15, build, walSegmentSizeMb: 1, settings: { wal_keep_size: '1GB' } })
    await stopArchiving(lab)
    await lab.server.query('CREATE TABLE t AS SELECT 1 AS n')
    segment = await lab.server.value('SELECT pg_walfile_name(pg_switch_wal())')
  })

  afterAll(() => lab[Symbol.asyncDispose]())

  const push = (path: string): Promise<Run> =>
    lab.run(['wal', 'push', path, '--json'], { cwd: lab.server.dataDirectory })
  const get = (name: string): Promise<Run> =>
    lab.run(['wal', 'get', name, join(lab.server.root, 'got')], { cwd: lab.server.dataDirectory })

  test('several pushes of one segment at once all succeed, and it is stored once', async () => {
    const runs = await Promise.all([1, 2, 3, 4].map(() => push(`pg_wal/${segment}`)))
    expect(runs.map(run => run.status)).toEqual([0, 0, 0, 0])
    expect(keysOf(lab.repositoryDirectory).filter(key => key.includes(segment))).toHaveLength(1)
  })

  test('a segment with the same name and other bytes is refused, and the first one stays', async () => {
    const folder = join(lab.server.root, 'other')
    makeOwned(folder)
    const bytes = readFileSync(join(lab.server.dataDirectory, 'pg_wal', segment))
    bytes[bytes.length - 100] = 1
    lab.write(join(folder, segment), bytes)
    const run = await push(join(folder, segment))
    expect(run.status, describeRun(run)).toBe(22)
    const key = keysOf(lab.repositoryDirectory).find(each => each.includes(segment)) ?? ''
    expect(contentOf(lab, key)).toEqual(readFileSync(join(lab.server.dataDirectory, 'pg_wal', segment)))
  })

  test("another cluster's WAL does not get in", async () => {
    await using other = await openLab({ major: 15, build, walSegmentSizeMb: 1 })
    await stopArchiving(other)
    await other.server.query('SELECT pg_switch_wal()')
    const name = await other.server.value('SELECT pg_walfile_name(pg_switch_wal())')
    const run = await push(join(other.server.dataDirectory, 'pg_wal', name))
    expect(run.status, describeRun(run)).toBe(15)
    expect(keysOf(lab.repositoryDirectory).filter(key => key.includes(name) && name !== segment)).toEqual([])
  })

  test('"it does not exist" and "I could not tell" are different answers', async () => {
    expect((await get(segment)).status).toBe(0)
    expect((await get('0000000100000000000000FF')).status).toBe(1)
    expect((await get('00000005.history')).status).toBe(1)
    const away = `${lab.repositoryDirectory}-away`
    renameSync(lab.repositoryDirectory, away)
    try {
      expect((await get('0000000100000000000000FF')).status, 'the disk is not mounted').toBe(126)
      mkdirSync(lab.repositoryDirectory)
      expect((await get('0000000100000000000000FF')).status, 'the mount point is empty').toBe(126)
    } finally {
      renameSync(away, lab.repositoryDirectory)
    }
    chmodSync(join(lab.repositoryDirectory, 'lab/wal'), 0o000)
    try {
      expect((await get('0000000100000000000000FF')).status, 'it may not be read').toBe(126)
    } finally {
      chmodSync(join(lab.repositoryDirectory, 'lab/wal'), 0o700)
    }
  })
})

describe('a backup whose archiving does not work', () => {
  test('is refused before a byte is copied, with what the archiver says', async () => {
    await using lab = await openLab({ major: 15, build })
    lab.server.configure({ archive_command: 'false' })
    await lab.server.query('SELECT pg_reload_conf()')
    await lab.server.query('SELECT pg_switch_wal()')
    await until('archiving has failed', async () => {
      return (await lab.server.value('SELECT failed_count > 0 FROM pg_stat_archiver')) === 'true'
    })
    const run = await lab.run(['backup', '--json'])
    expect(run.status, describeRun(run)).toBe(44)
    expect(faultOf(run).message).toContain('archive command failed with exit code 1')
    expect(faultOf(run).hint).toContain('The command is: false')
    expect(keysOf(lab.repositoryDirectory).filter(key => key.includes('/backups/'))).toEqual([])
  })

  test('any more at its end is kept, and becomes a backup when the WAL has come', async () => {
    await using lab = await openLab({ major: 15, build, config: { backups: { wal_stall: '2s' } } })
    const archiveCommand = await lab.server.value('SHOW archive_command')
    await stopArchiving(lab, 'test -f go-on && ' + archiveCommand)
    const run = await lab.run(['backup', '--json'])
    expect(run.status, describeRun(run)).toBe(45)
    expect(faultOf(run).code).toBe('WAL_TIMEOUT')
    expect(await idsOf(lab), 'it is not said to be safe').toEqual([])

    lab.write(join(lab.server.dataDirectory, 'go-on'), '')
    // An archiver that has given up for a minute tries again when a segment ends, and an empty one can not.
    await lab.server.query("SELECT pg_create_restore_point('go on')")
    await lab.archiveAll()
    const next = await lab.backup()
    const ids = await idsOf(lab)
    expect(ids).toContain(next.id)
    expect(ids, 'what was copied is not thrown away').toHaveLength(2)
    await lab.ok(['verify'])
    await using restored = await restoreAndStart(lab, ['--backup', ids[0] ?? ''], { build })
    expect(await restored.server.value('SELECT 1')).toBe('1')
  })

  test('at the same time as another one is refused', async () => {
    await using lab = await openLab({ major: 15, build })
    const runs = await Promise.all([lab.run(['backup', '--json']), lab.run(['backup', '--json'])])
    expect(runs.map(run => run.status).toSorted((a, b) => a - b)).toEqual([0, 11])
    expect(await idsOf(lab)).toHaveLength(1)
  })
})

describe('one repository for two clusters', () => {
  test('keeps them apart, whatever they are called and whoever asks', async () => {
    await using first = await openLab({ major: 15, build })
    await using second = await openLab({
      major: 18,
      repositoryDirectory: first.repositoryDirectory,
      config: { cluster: 'other' },
    })
    const [one, other] = [await first.backup(), await second.backup()]
    expect(await idsOf(first)).toEqual([one.id])
    expect(await idsOf(second)).toEqual([other.id])
    await first.ok(['verify'])
    await second.ok(['verify'])
    // The second cluster under the first one's name: it must not get in.
    const config = second.writeConfig('confused.yaml', { cluster: first.cluster })
    for (const args of [['backup'], ['init', '--yes']]) {
      const run = await second.run(['--config', config, ...args, '--json'])
      expect(run.status, describeRun(run)).toBe(15)
    }
    await using restored = await restoreAndStart(second, [])
    expect(await restored.server.value('SHOW server_version')).toMatch(/^18/)
  })
})

describe('a standby that archives, too', () => {
  test('pushes the same segments as its primary, and goes on after its promotion', async () => {
    await using lab = await openLab({ major: 15, build })
    await lab.server.query('CREATE TABLE t AS SELECT 1 AS n')
    await lab.backup()
    await using standby = await startStandby(lab.server, { build, settings: { archive_mode: 'always' } })
    for (const n of [2, 3]) {
      await lab.server.query('INSERT INTO t VALUES ($1)', [n])
      await lab.archiveAll()
      await catchUp(lab.server, standby)
    }
    await lab.server.stop()
    await standby.query('SELECT pg_promote()')
    await standby.query('INSERT INTO t VALUES (4)')
    const segment = await standby.value('SELECT pg_walfile_name(pg_switch_wal())')
    await until(`${segment} is archived: ${standby.log()}`, async () => {
      return (await standby.value('SELECT last_archived_wal FROM pg_stat_archiver')) === segment
    })
    expect(await standby.value('SELECT failed_count FROM pg_stat_archiver')).toBe('0')
    await lab.ok(['verify'])
    await using restored = await restoreAndStart(lab, [], { build })
    expect(await restored.server.value('SELECT count(*) FROM t')).toBe('4')
  })
})

async function stopArchiving({ server }: Lab, command = ''): Promise<void> {
  server.configure({ archive_command: command })
  await server.query('SELECT pg_reload_conf()')
}

async function idsOf(lab: Lab): Promise<readonly string[]> {
  return (await lab.json<readonly BackupRecord[]>(['list'])).map(({ id }) => id)
}
