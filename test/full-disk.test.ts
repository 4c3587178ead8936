/** A disk with no space left: said as what it is, and nothing half-made is left where it would be believed. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import { describeRun } from './support/holdfast.ts'
import { expectWhole, keysOf, stagedFiles } from './support/repository-files.ts'
import { openLab } from './support/repository-lab.ts'
import { faultOf, restoreAndStart } from './support/restored-server.ts'
import { smallDisk, whyNoSmallDisk } from './support/small-disk.ts'

const reason = whyNoSmallDisk()
if (reason !== undefined) console.warn(`full disk: not tested: ${reason}`)

describe.skipIf(reason !== undefined)('a repository on a full disk', () => {
  test('ends a backup with STORAGE_FULL, and holds no half of it', async () => {
    using disk = smallDisk(32)
    await using lab = await openLab({ major: 15, build: 'debian', repositoryDirectory: disk.directory })
    await lab.backup()
    // Its WAL still fits the disk; WAL and a copy of the table together do not.
    await lab.server.query(
      'CREATE TABLE t AS SELECT gen_random_uuid() AS a, gen_random_uuid() AS b FROM generate_series(1, 500000)',
    )
    await lab.archiveAll()
    const keys = keysOf(disk.directory)
    const ids = (await lab.json<readonly BackupRecord[]>(['list'])).map(({ id }) => id)

    const run = await lab.run(['backup', '--json'])
    expect(run.status, describeRun(run)).toBe(32)
    expect(faultOf(run).code).toBe('STORAGE_FULL')
    expect(faultOf(run).hint).toMatch(/[Ff]ree|space/)
    expect(stagedFiles(disk.directory), 'what was written is given back').toEqual([])
    expect(keysOf(disk.directory)).toEqual(expect.arrayContaining([...keys]))
    expectWhole(lab)
    expect((await lab.json<readonly BackupRecord[]>(['list'])).map(({ id }) => id)).toEqual(ids)
  })

  test('ends a wal push with STORAGE_FULL, and takes the segment when there is space again', async () => {
    using disk = smallDisk(4)
    await using lab = await openLab({ major: 15, build: 'debian', repositoryDirectory: disk.directory })
    lab.server.configure({ archive_command: '' })
    await lab.server.query('SELECT pg_reload_conf()')
    await lab.server.query('CREATE TABLE t AS SELECT gen_random_uuid() AS a FROM generate_series(1, 100000)')
    const segment = await lab.server.value('SELECT pg_walfile_name(pg_switch_wal())')
    const filler = join(disk.directory, 'filler')
    spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=64k'], { stdio: 'ignore' })

    const push = (): ReturnType<typeof lab.run> =>
      lab.run(['wal', 'push', `pg_wal/${segment}`, '--json'], { cwd: lab.server.dataDirectory })
    const refused = await push()
    expect(refused.status, describeRun(refused)).toBe(32)
    expect(faultOf(refused).code).toBe('STORAGE_FULL')
    expect(faultOf(refused).hint).toMatch(/[Ff]ree|space/)
    expect(keysOf(disk.directory).filter(key => key.includes(segment))).toEqual([])

    execFileSync('rm', [filler])
    expect((await push()).status).toBe(0)
    expectWhole(lab)
  })
})

describe.skipIf(reason !== undefined)('a restore into a place that is too small', () => {
  test('is refused before anything is written', async () => {
    using disk = smallDisk(16)
    await using lab = await openLab({ major: 15, build: 'debian' })
    await lab.backup()
    const target = join(disk.directory, 'data')
    const run = await lab.run(['restore', '--target-dir', target, '--latest', '--yes', '--json'])
    expect(run.status, describeRun(run)).toBe(52)
    expect(faultOf(run).code).toBe('SPACE')
    expect(existsSync(target) ? readdirSync(target) : []).toEqual([])
  })
})

describe.skipIf(reason !== undefined)('a restore whose disk is full after all', () => {
  test('says so, and leaves nothing that starts', async () => {
    // Enough bytes, and too few files: nobody can see that beforehand.
    using disk = smallDisk(200, 500)
    await using lab = await openLab({ major: 15, build: 'debian' })
    await lab.backup()
    const target = join(disk.directory, 'data')
    const run = await lab.run(['restore', '--target-dir', target, '--latest', '--yes', '--json'])
    expect(run.status, describeRun(run)).toBe(52)
    expect(faultOf(run).hint).not.toBe('')
    expect(existsSync(join(target, 'global/pg_control'))).toBe(false)
  })
})

describe.skipIf(reason !== undefined)('a repository that can only be read', () => {
  test('refuses what is to be written, and gives what is there', async () => {
    using disk = smallDisk(64)
    await using lab = await openLab({ major: 15, build: 'debian', repositoryDirectory: disk.directory })
    await lab.backup()
    await lab.archiveAll()
    execFileSync('mount', ['-o', 'remount,ro', disk.directory])
    const refused = await lab.run(['backup', '--json'])
    expect(refused.status, describeRun(refused)).toBe(30)
    expect(faultOf(refused).message).toMatch(/read-only/i)
    await lab.ok(['list'])
    await lab.ok(['verify'])
    await using restored = await restoreAndStart(lab, [], { build: 'debian' })
    expect(await restored.server.value('SELECT 1')).toBe('1')
  })
})
