/**
 * A second region with the real program: filled without PostgreSQL, cut off and resumed, and taking over when the first is
 * gone. What was sealed to other keys on the way is judged by `age`, `zstd` and `tar`.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { CopyReport } from '../src/operations/copy/report.ts'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import { flipByte } from './support/damage.ts'
import { describeRun, jsonOf, type Run } from './support/holdfast.ts'
import { makeOwned } from './support/postgres-server.ts'
import { seededRandom } from './support/random.ts'
import {
  copyOfRepository,
  expectKept,
  keysOf,
  objectsOf,
  sha256Of,
  stagedFiles,
} from './support/repository-files.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { faultOf, restoreAndStart } from './support/restored-server.ts'
import { until } from './support/until.ts'

const random = seededRandom('copies that are cut off')

let lab: Lab
/** A configuration with a copy for the same keys, and one for others. */
let config: string
let otherKey: string
let backup: BackupRecord
const folderOf = (name: string): string => join(lab.server.root, name)

beforeAll(async () => {
  lab = await openLab({ major: 15, build: 'debian', walSegmentSizeMb: 1 })
  await lab.server.query('CREATE TABLE t AS SELECT n, md5(n::text) AS text FROM generate_series(1, 50000) n')
  backup = await lab.backup()
  await lab.server.query('CREATE TABLE later AS SELECT 1 AS one')
  await lab.archiveAll()
  otherKey = folderOf('other-identity.txt')
  const identity = execFileSync('age-keygen', { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  lab.write(otherKey, identity)
  const main = lab.config.repositories['main']
  const encryption = {
    recipients: [/public key: (age1\S+)/.exec(identity)?.[1]],
    identity: { file: otherKey },
  }
  config = lab.writeConfig('copies.yaml', {
    repositories: {
      main,
      second: { ...main, url: `file://${folderOf('second')}`, copy_of: 'main' },
      sealed: { url: `file://${folderOf('sealed')}`, copy_of: 'main', encryption },
    },
  })
})

afterAll(() => lab[Symbol.asyncDispose]())

beforeEach(() => {
  for (const name of ['second', 'sealed']) {
    rmSync(folderOf(name), { recursive: true, force: true })
    makeOwned(folderOf(name))
  }
})

const copy = (...args: readonly string[]): Promise<Run> => lab.run(['--config', config, 'copy', ...args])

describe('a copy', () => {
  test('takes over when the first repository is gone, with the same keys and with others', async () => {
    const run = await copy()
    expect(run.status, describeRun(run)).toBe(0)
    expect(run.out).toMatch(/main → second: copied 1 backup and \d+ WAL files/)
    const hidden = `${lab.repositoryDirectory}-gone`
    execFileSync('mv', [lab.repositoryDirectory, hidden])
    try {
      for (const name of ['second', 'sealed']) {
        await using restored = await restoreAndStart(
          lab,
          ['--config', config, '--repository', name, '--latest'],
          { build: 'debian' },
        )
        expect(await restored.server.value('SELECT count(*) FROM t, later')).toBe('50000')
      }
    } finally {
      execFileSync('mv', [hidden, lab.repositoryDirectory])
    }
    const verify = await lab.run(['--config', config, 'verify', '--repository', 'sealed'])
    expect(verify.status, describeRun(verify)).toBe(0)
  })

  test('for other keys is opened by age, zstd and tar with the other key, and by nobody with the first', async () => {
    expect((await copy('--to', 'sealed')).status).toBe(0)
    const sealed = keysOf(folderOf('sealed')).filter(key => key.endsWith('.zst.age'))
    expect(sealed).toEqual(keysOf(lab.repositoryDirectory).filter(key => key.endsWith('.zst.age')))
    for (const key of sealed) {
      const [original, copied] = [join(lab.repositoryDirectory, key), join(folderOf('sealed'), key)]
      expect(contentBy(otherKey, copied).equals(contentBy(lab.identityPath, original)), key).toBe(true)
      expect(() => contentBy(lab.identityPath, copied)).toThrow('no identity matched')
    }
    const record = recordIn('sealed')
    expect(record.copiedFrom?.sha256).toBe(sha256Of(join(lab.repositoryDirectory, recordKey())))
    // Not every pack has files: one worker may have taken them all.
    const names = record.packs.flatMap(({ name, sha256 }) => {
      const path = join(folderOf('sealed'), recordKey(), '..', name)
      expect(sha256Of(path)).toBe(sha256)
      return execFileSync('tar', ['-tf', '-'], { input: contentBy(otherKey, path), encoding: 'utf8' }).split(
        '\n',
      )
    })
    expect(names).toContain('global/pg_control')
  })

  test('of damaged objects is not made: what is whole is copied, the rest is told, with status 37', async () => {
    using damaged = copyOfRepository(lab)
    const pack = join(damaged.directory, recordKey(), '..', backup.packs[0]?.name ?? '')
    flipByte(pack, 100_000)
    const path = lab.writeConfig('damaged.yaml', {
      repositories: {
        main: { ...lab.config.repositories['main'], url: `file://${damaged.directory}` },
        second: { ...lab.config.repositories['main'], url: `file://${folderOf('second')}`, copy_of: 'main' },
      },
    })
    const run = await lab.run(['--config', path, 'copy', '--json'])
    expect(run.status, describeRun(run)).toBe(37)
    const [report] = jsonOf<readonly CopyReport[]>(run)
    expect(report?.copied.backups).toEqual([])
    expect(report?.problems).toMatchObject([{ code: 'OBJECT_CORRUPT', what: `backup ${backup.id}` }])
    expect(existsSync(join(folderOf('second'), recordKey()))).toBe(false)
    expect(keysOf(folderOf('second')).filter(key => key.includes('/wal/'))).toEqual(
      keysOf(lab.repositoryDirectory).filter(key => key.includes('/wal/')),
    )
  })

  test('says what it would do, and refuses what makes no sense', async () => {
    const dry = await copy('--dry-run', '--to', 'second')
    expect(dry.out).toMatch(/would copy 1 backup and \d+ WAL files/)
    expect(keysOf(folderOf('second'))).toEqual([])
    for (const [args, says] of [
      [['--to', 'secnd'], 'second'],
      [['--watch', '--dry-run'], '--watch'],
      [['--from', 'main', '--to', 'main'], 'itself'],
      [['20200101T000000Z-full', '--to', 'second'], '20200101T000000Z-full'],
    ] as const) {
      const run = await copy(...args, '--json')
      expect(run.status, describeRun(run)).toBeGreaterThan(0)
      expect(faultOf(run).message + faultOf(run).hint).toContain(says)
    }
  })
})

describe('a copy that is cut off', () => {
  test.each([1, 2, 3, 4, 5])(
    'by SIGKILL leaves what is whole or nothing, and the next one ends it: %i',
    async () => {
      const running = lab.start(['--config', config, 'copy', '--to', 'second'])
      const objects = keysOf(lab.repositoryDirectory).length
      const count = random.integer(1, objects - 1)
      await Promise.race([
        until('some objects are there', () => keysOf(folderOf('second')).length >= count, { everyMs: 1 }),
        running.ended,
      ])
      running.kill('SIGKILL')
      await running.ended
      expectPartOf(lab.repositoryDirectory, folderOf('second'))
      const before = objectsOf(folderOf('second'))

      const next = await copy('--to', 'second')
      expect(next.status, describeRun(next)).toBe(0)
      expectKept(before, objectsOf(folderOf('second')))
      expectSame(lab.repositoryDirectory, folderOf('second'))
      expect(stagedFiles(folderOf('second'))).toEqual([])
    },
  )

  test('and whose objects were damaged meanwhile, at the same size, finds that', async () => {
    expect((await copy('--to', 'second')).status).toBe(0)
    rmSync(join(folderOf('second'), recordKey()))
    flipByte(join(folderOf('second'), recordKey(), '..', backup.packs[0]?.name ?? ''), 50_000)
    const next = await copy('--to', 'second')
    expect(next.status, describeRun(next)).toBe(0)
    expectSame(lab.repositoryDirectory, folderOf('second'))
  })
})

test('--watch copies what appears, and ends well when it is told to', async () => {
  const running = lab.start(['--config', config, 'copy', '--watch', '--to', 'second'])
  const isSame = (): boolean => walIn(folderOf('second')).length === walIn(lab.repositoryDirectory).length
  await until('the first look is done', isSame)
  await lab.server.query('CREATE TABLE watched AS SELECT 1 AS one')
  await lab.archiveAll()
  await until('the new segment is copied', isSame)
  running.kill('SIGTERM')
  const run = await running.ended
  expect(run.status, describeRun(run)).toBe(0)
  expectSame(lab.repositoryDirectory, folderOf('second'))
})

const recordKey = (): string => `lab/backups/${backup.id}/backup.json`
const recordIn = (name: string): BackupRecord =>
  JSON.parse(readFileSync(join(folderOf(name), recordKey()), 'utf8')) as BackupRecord
const walIn = (folder: string): readonly string[] => keysOf(folder).filter(key => key.includes('/wal/'))

function contentBy(identityPath: string, path: string): Buffer {
  const options = { maxBuffer: 2 ** 31, stdio: ['pipe', 'pipe', 'pipe'] as ['pipe', 'pipe', 'pipe'] }
  const stored = execFileSync('age', ['-d', '-i', identityPath, path], options)
  return execFileSync('zstd', ['-d', '-q'], { ...options, input: stored })
}

/** Backups and WAL; each repository has records and an index of its own. */
function copiedObjects(folder: string): ReadonlyMap<string, string> {
  return new Map([...objectsOf(folder)].filter(([key]) => /\/(backups|wal)\//.test(key)))
}

function expectSame(source: string, destination: string): void {
  expect(copiedObjects(destination)).toEqual(copiedObjects(source))
}

/** Every object is one of the source's, whole; and a backup that is committed has all of its own, and its WAL. */
function expectPartOf(source: string, destination: string): void {
  const [there, copied] = [copiedObjects(source), copiedObjects(destination)]
  for (const [key, sha256] of copied) expect(there.get(key), key).toBe(sha256)
  if (!copied.has(recordKey())) return
  const own = [...there.keys()].filter(key => key.includes(`/${backup.id}/`))
  const wal = [backup.startWal, backup.stopWal].flatMap(name =>
    [...there.keys()].filter(key => key.includes(`/${name}.zst`)),
  )
  for (const key of [...own, ...wal]) expect(copied.has(key), key).toBe(true)
}
