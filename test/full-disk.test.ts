/** A disk with no space left: said as what it is, and nothing half-made is left where it would be believed. */
import { execFileSync, spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import { describeRun } from './support/holdfast.ts'
import { serverUser } from './support/postgres-binaries.ts'
import { makeRoot } from './support/postgres-server.ts'
import { expectWhole, keysOf, stagedFiles } from './support/repository-files.ts'
import { openLab } from './support/repository-lab.ts'
import { faultOf } from './support/restored-server.ts'

interface SmallDisk extends Disposable {
  readonly directory: string
}

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

/** A file system of its own in memory, for the user of the servers. */
function smallDisk(sizeMb: number): SmallDisk {
  const { uid, gid } = serverUser()
  const directory = join(makeRoot(), 'disk')
  mkdirSync(directory)
  mount(directory, sizeMb)
  chownSync(directory, uid, gid)
  return {
    directory,
    [Symbol.dispose]() {
      execFileSync('umount', ['-l', directory])
      execFileSync('rm', ['-rf', join(directory, '..')])
    },
  }
}

function mount(directory: string, sizeMb: number): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${String(sizeMb)}m`, 'tmpfs', directory], {
    stdio: 'pipe',
  })
}

function whyNoSmallDisk(): string | undefined {
  if (process.getuid?.() !== 0) return 'only root may mount a small file system'
  const directory = join(makeRoot(), 'disk')
  mkdirSync(directory)
  try {
    mount(directory, 1)
    writeFileSync(join(directory, 'probe'), '')
    execFileSync('umount', [directory])
    return undefined
  } catch (error) {
    return `mounting a small file system does not work here: ${String(error)}`
  } finally {
    execFileSync('rm', ['-rf', join(directory, '..')])
  }
}
