/** `write: all`: WAL and backups go to two repositories at once, and one that is away, damaged or hung holds up nothing. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, globSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import type { StatusReport } from '../src/operations/status/status.ts'
import type { WalStatusHere } from '../src/operations/wal-status.ts'
import { describeRun, jsonOf, type Run } from './support/holdfast.ts'
import { makeOwned } from './support/postgres-server.ts'
import { keysOf, objectsOf } from './support/repository-files.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { until } from './support/until.ts'

type BackupJson = BackupRecord & {
  readonly repositories: readonly { readonly name: string; readonly state: string }[]
}

let lab: Lab
/** Of the second repository; the lab's own is the first. */
let second: string

beforeAll(async () => {
  lab = await openLab({
    major: 15,
    build: 'debian',
    walSegmentSizeMb: 1,
    settings: { wal_keep_size: '512MB' },
  })
  second = join(lab.server.root, 'second')
  makeOwned(second)
  const main = lab.config.repositories['main']
  lab.writeConfig('holdfast.yaml', {
    write: 'all',
    repositories: { main, second: { ...main, url: `file://${second}` } },
  })
  await lab.ok(['init', '--yes'])
  await lab.server.query('CREATE TABLE t AS SELECT n, md5(n::text) FROM generate_series(1, 300000) n')
  await lab.archiveAll()
})

afterAll(() => lab[Symbol.asyncDispose]())

const segment = (): Promise<string> =>
  lab.server.value(
    "SELECT pg_walfile_name(pg_switch_wal()) FROM (SELECT pg_logical_emit_message(true, 'a', 'b')) a",
  )
const walIn = (folder: string): readonly string[] => keysOf(folder).filter(key => key.includes('/wal/'))
const backupKeys = (folder: string, id: string): readonly string[] =>
  keysOf(folder).filter(key => key.includes(`/backups/${id}/`))
/** Also where nothing has ever been owed. */
const owed = (): readonly string[] =>
  globSync(join(lab.server.dataDirectory, 'pg_wal/holdfast-owed/*/*'))
    .map(path => basename(path))
    .filter(name => /^[0-9A-F]{24}/.test(name))

/** As if its disk were not mounted. */
async function without(folder: string, work: () => Promise<void>): Promise<void> {
  renameSync(folder, `${folder}-away`)
  try {
    await work()
  } finally {
    rmSync(folder, { recursive: true, force: true })
    renameSync(`${folder}-away`, folder)
  }
}

const untilCaughtUp = (): Promise<unknown> =>
  until('nothing is owed', async () => {
    if (owed().length === 0) return true
    await segment()
    await delay(500)
    return false
  })

const untilNobodyPushes = (): Promise<unknown> =>
  until(
    'nobody pushes ahead',
    // What was pushed stays noted until PostgreSQL has asked for it; only the lock says that somebody is about.
    () => globSync(join(lab.server.dataDirectory, 'pg_wal/holdfast-pushed/*/lock')).length === 0,
  )

/** Starts a backup, and does something to a repository when its first pack is being written. */
async function backupDuring(meddle: () => void): Promise<Run> {
  const staging = join(second, '.staging')
  const running = lab.start(['backup', '--json'])
  await until(
    'a pack is being written',
    () =>
      readdirSync(staging).some(
        // More than a whole segment has: the archiver writes there, too.
        name => (statSync(join(staging, name), { throwIfNoEntry: false })?.size ?? 0) > 1_200_000,
      ),
    { everyMs: 1 },
  )
  meddle()
  return running.ended
}

describe('a backup to all', () => {
  test('is the same in both, byte by byte, and its WAL is, too', async () => {
    const record = await lab.json<BackupJson>(['backup'])
    expect(record.repositories).toEqual([
      { name: 'main', state: 'whole' },
      { name: 'second', state: 'whole' },
    ])
    expect(backupKeys(second, record.id)).toEqual(backupKeys(lab.repositoryDirectory, record.id))
    const [one, other] = [objectsOf(lab.repositoryDirectory), objectsOf(second)]
    for (const key of backupKeys(second, record.id)) expect(other.get(key), key).toBe(one.get(key))
    expect(walIn(second)).toEqual(walIn(lab.repositoryDirectory))
    await lab.ok(['verify', record.id, '--repository', 'second'])
  })

  test('with --repository goes to that one alone', async () => {
    const record = await lab.json<BackupJson>(['backup', '--repository', 'second'])
    expect(record.repositories).toBeUndefined()
    expect(backupKeys(lab.repositoryDirectory, record.id)).toEqual([])
    expect(backupKeys(second, record.id).length).toBeGreaterThan(3)
  })

  test('the second one is lost in the middle: the backup is whole in the first, and says so', async () => {
    let record: BackupJson | undefined
    const run = await backupDuring(() => {
      renameSync(second, `${second}-away`)
    })
    try {
      expect(run.status, describeRun(run)).toBe(37)
      expect(run.err).toMatch(/repository "second" does not have/)
      record = jsonOf<BackupJson>(run)
      expect(record.repositories).toMatchObject([
        { name: 'main', state: 'whole' },
        { name: 'second', state: 'behind' },
      ])
      await lab.ok(['verify', record.id, '--repository', 'main'])
    } finally {
      rmSync(second, { recursive: true, force: true })
      renameSync(`${second}-away`, second)
    }
    await lab.ok(['copy', '--from', 'main', '--to', 'second', record.id])
    expect(backupKeys(second, record.id)).toEqual(backupKeys(lab.repositoryDirectory, record.id))
  })

  test('the first one is lost in the middle: the backup is whole in the second', async () => {
    const away = `${lab.repositoryDirectory}-away`
    const run = await backupDuring(() => {
      renameSync(lab.repositoryDirectory, away)
    })
    try {
      expect(run.status, describeRun(run)).toBe(37)
      const record = jsonOf<BackupJson>(run)
      expect(record.repositories).toMatchObject([
        { name: 'second', state: 'whole' },
        { name: 'main', state: 'behind' },
      ])
      await lab.ok(['verify', record.id, '--repository', 'second'])
    } finally {
      rmSync(lab.repositoryDirectory, { recursive: true, force: true })
      renameSync(away, lab.repositoryDirectory)
    }
  })

  test('all are lost: it fails, and names each', async () => {
    const run = await backupDuring(() => {
      renameSync(second, `${second}-away`)
      renameSync(lab.repositoryDirectory, `${lab.repositoryDirectory}-away`)
    })
    renameSync(`${second}-away`, second)
    renameSync(`${lab.repositoryDirectory}-away`, lab.repositoryDirectory)
    expect(run.status, describeRun(run)).toBe(31)
    expect(run.err).toMatch(/none of the repositories.*main: .*second: /)
  })
})

describe('WAL to all', () => {
  beforeAll(async () => {
    // What the lost repositories of the tests above were not given is on its way yet, and `status` would tell of that, too.
    await untilCaughtUp()
    await untilNobodyPushes()
  })

  test('a repository that is away is owed what it lacks, and catches up by itself', async () => {
    await without(second, async () => {
      for (let i = 0; i < 6; i++) await segment()
      await lab.archiveAll()
      expect(owed().length).toBeGreaterThanOrEqual(6)
      const lacks =
        /lacks \d+ WAL files \(.* that PostgreSQL was told are safe, and could not be written to since/
      const status = await lab.run(['status', '--json'])
      expect(status.status, describeRun(status)).toBe(1)
      const report = jsonOf<StatusReport>(status)
      expect(report.isOwedKnown).toBe(true)
      expect(report.repositories.map(({ owed: each }) => (each?.files ?? 0) >= 6)).toEqual([false, true])
      expect(report.findings.map(({ message }) => message)).toContainEqual(expect.stringMatching(lacks))
      expect((await lab.run(['wal', 'status'])).out).toMatch(lacks)
      const wal = await lab.json<WalStatusHere>(['wal', 'status'])
      expect(wal.owed).toMatchObject([{ repository: 'second', lastError: expect.any(String) as string }])
    })
    // By PostgreSQL's own call, whoever pushed, and not again and again.
    expect(lab.server.log().match(/repository "second" is behind/g)).toHaveLength(1)
    await untilCaughtUp()
    await lab.archiveAll()
    expect(walIn(second)).toEqual(walIn(lab.repositoryDirectory))
    expect((await lab.json<WalStatusHere>(['wal', 'status'])).owed).toEqual([])
  })

  test('a repository that hangs does not hold up PostgreSQL, nor the process that pushes', async () => {
    await untilNobodyPushes()
    const record = join(second, 'holdfast.json')
    renameSync(record, `${record}-away`)
    execFileSync('mkfifo', [record])
    execFileSync('chmod', ['a+rw', record])
    try {
      const name = await segment()
      await lab.archiveAll()
      expect(walIn(lab.repositoryDirectory).join(' ')).toContain(name)
      expect(walIn(second).join(' ')).not.toContain(name)
    } finally {
      renameSync(`${record}-away`, record)
    }
    await untilCaughtUp()
  })

  test('with durable_in: 2 nothing is acknowledged while one is away, and the fault names it', async () => {
    const main = lab.config.repositories['main']
    const config = lab.writeConfig('two.yaml', {
      write: 'all',
      wal: { durable_in: 2 },
      repositories: { main, second: { ...main, url: `file://${second}` } },
    })
    const name = await segment()
    const push = (): Promise<Run> =>
      lab.run(['--config', config, 'wal', 'push', `pg_wal/${name}`], { cwd: lab.server.dataDirectory })
    await without(second, async () => {
      const run = await push()
      expect(run.status, describeRun(run)).toBe(10)
      expect(run.err).toMatch(/durable in 1 of the 2 .*second: /)
      mkdirSync(second)
    })
    expect((await push()).status).toBe(0)
    expect(walIn(second).join(' ')).toContain(name)
  })

  test('durable_in asks for no more repositories than there are', async () => {
    const config = lab.writeConfig('three.yaml', { wal: { durable_in: 2 } })
    const run = await lab.run(['--config', config, 'wal', 'push', 'pg_wal/x'])
    expect([run.status, run.err]).toEqual([
      2,
      expect.stringMatching(/wal\.durable_in is 2.*writes to 1 repository/),
    ])
  })
})
