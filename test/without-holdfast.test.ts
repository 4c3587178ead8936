/**
 * Your data does not depend on this program: docs/without-holdfast.md, carried out to the letter, by a shell that finds
 * `age`, `zstd`, `tar` and coreutils on its path and nothing else; PostgreSQL's programs are called where they lie.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, symlinkSync } from 'node:fs'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import type { DumpRecord } from '../src/repository/format/dump-record.ts'
import { commandsOf } from './support/document.ts'
import { expectLedger } from './support/ledger-check.ts'
import { createLedger, startLedger, type Transfer } from './support/ledger-writer.ts'
import { serverUser } from './support/postgres-binaries.ts'
import { makeOwned, makeRoot, serverOn, type TestServer } from './support/postgres-server.ts'
import { findProgram, requireTool } from './support/tools.ts'
import { copyOfRepository, keysOf } from './support/repository-files.ts'
import { openLab, type Lab } from './support/repository-lab.ts'

interface Scene {
  readonly lab: Lab
  readonly backup: BackupRecord
  readonly dump: DumpRecord
  readonly journal: readonly Transfer[]
  /** As a person writes it. */
  readonly until: string
  readonly lengthThen: number
}

interface Rescue extends AsyncDisposable {
  /** The server that the commands have started, to ask it. */
  readonly server: TestServer
  readonly output: string
  readonly status: number | null
}

describe.each([
  ['age', '2'],
  ['none', '1'],
] as const)('a repository with encryption %s', (encryption, jobs) => {
  let scene: Scene

  beforeAll(async () => {
    scene = await playScene(encryption, jobs)
  })

  afterAll(() => scene.lab[Symbol.asyncDispose]())

  test('gives a running server at a moment in the past', async () => {
    await using rescue = await followDocument(scene, { UNTIL: scene.until })
    expect(rescue.output).not.toContain('STOP')
    expect(rescue.output).toContain('backup successfully verified')
    expect(rescue.status, rescue.output).toBe(0)
    const expected = scene.journal.slice(0, scene.lengthThen).filter(transfer => transfer.committed)
    await expectLedger(rescue.server, expected, scene.until)
    expect(await rescue.server.value('SELECT count(*) FROM in_space')).toBe('1000')
    expect(await rescue.server.value('SHOW archive_mode')).toBe('off')
    // The dump came back into that server, beside what is in it.
    expect(rescue.output).toContain('restored: new_shop')
    const shop = await rescue.server.connect('new_shop')
    const counted = await shop.query('SELECT count(*)::int AS n, sum(length(t))::int AS size FROM goods')
    await shop.end()
    expect(counted.rows).toEqual([{ n: 20_000, size: 20_000 * 320 }])
  })

  test('gives the newest state when no moment is named', async () => {
    await using rescue = await followDocument(scene, { UNTIL: '' })
    expect(rescue.output).not.toContain('STOP')
    await expectLedger(
      rescue.server,
      scene.journal.filter(transfer => transfer.committed),
      'all there is',
    )
  })

  test('does not come up short when a WAL file can not be read', async () => {
    const segments = keysOf(scene.lab.repositoryDirectory).filter(key =>
      /\/wal\/.*[0-9A-F]{24}\.zst/.test(key),
    )
    using damaged = copyOfRepository(scene.lab)
    execFileSync('truncate', ['-s', '-3000', join(damaged.directory, segments.at(-1) ?? '')])
    await using rescue = await followDocument(scene, { UNTIL: '', REPOSITORY: damaged.directory })
    expect(rescue.output).toContain('child process exited with exit code 200')
    expect(existsSync(join(rescue.server.dataDirectory, 'postmaster.pid'))).toBe(false)
  })

  test('says STOP when a pack is damaged', async () => {
    const pack = keysOf(scene.lab.repositoryDirectory).find(key => key.includes('/data/')) ?? ''
    using damaged = copyOfRepository(scene.lab)
    execFileSync('truncate', ['-s', '-3000', join(damaged.directory, pack)])
    // Whoever reads STOP stops there, as the document says.
    await using rescue = await followDocument(
      scene,
      { UNTIL: '', REPOSITORY: damaged.directory },
      '4. Check it',
    )
    expect(rescue.output).toMatch(/STOP: .*\/data\/.* is damaged/)
  })
})

test('a copy that was sealed to another key on the way is brought back by the same document', async () => {
  const scene = await playScene('age')
  await using lab = scene.lab
  const key = join(lab.server.root, 'other-identity.txt')
  const identity = execFileSync('age-keygen', { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  lab.write(key, identity)
  const copy = join(lab.server.root, 'copy')
  makeOwned(copy)
  const encryption = { recipients: [/public key: (age1\S+)/.exec(identity)?.[1]] }
  const config = lab.writeConfig('copy.yaml', {
    repositories: {
      ...lab.config.repositories,
      copy: { url: `file://${copy}`, copy_of: 'main', encryption },
    },
  })
  await lab.ok(['--config', config, 'copy'])
  await using rescue = await followDocument(scene, { UNTIL: '', REPOSITORY: copy, KEY: key })
  expect(rescue.output).not.toContain('STOP')
  expect(rescue.output).toContain('backup successfully verified')
  await expectLedger(
    rescue.server,
    scene.journal.filter(transfer => transfer.committed),
    'all there is',
  )
})

async function playScene(encryption: 'age' | 'none', jobs = '1'): Promise<Scene> {
  const lab = await openLab({
    major: 15,
    build: 'debian',
    encryption,
    settings: { track_commit_timestamp: 'on' },
  })
  const space = join(lab.server.root, 'space')
  makeOwned(space)
  await createLedger(lab.server)
  await lab.server.query(`CREATE TABLESPACE apart LOCATION '${space}'`)
  await lab.server.query('CREATE TABLE in_space TABLESPACE apart AS SELECT generate_series(1, 1000) AS n')
  await using ledger = await startLedger(lab.server, { seed: 7, oneAtATime: true })
  await ledger.more(20)
  const backup = await lab.backup()
  await lab.server.query('CREATE DATABASE shop')
  const shop = await lab.server.connect('shop')
  // Large enough for an object of its own.
  await shop.query(
    'CREATE TABLE goods AS SELECT i, repeat(md5(i::text), 10) AS t FROM generate_series(1, 20000) i',
  )
  await shop.query('CREATE TABLE "few things" AS SELECT 1 AS n')
  await shop.end()
  const dump = await lab.json<DumpRecord>(['dump', 'shop', '--jobs', jobs])
  await ledger.more(50)
  await ledger.pause()
  const lengthThen = ledger.journal.length
  const until = await lab.server.value('SELECT clock_timestamp()::text')
  ledger.resume()
  await ledger.more(50)
  await ledger.stop()
  await lab.archiveAll()
  return { lab, backup, dump, journal: ledger.journal, until, lengthThen }
}

/** Runs all commands of the document in one shell, as somebody who pastes block after block. */
async function followDocument(
  scene: Scene,
  changes: Readonly<Record<string, string>>,
  before?: string,
): Promise<Rescue> {
  const server = await serverOn(makeRoot(), { major: 15, build: 'debian' })
  const settings = {
    REPOSITORY: scene.lab.repositoryDirectory,
    CLUSTER: scene.lab.cluster,
    KEY: scene.lab.identityPath,
    BIN: server.binDirectory,
    TARGET: server.dataDirectory,
    TABLESPACES: join(server.root, 'spaces'),
    PORT: String(server.port),
    SOCKETS: server.socketDirectory,
    BACKUP: scene.backup.id,
    ...(before === undefined
      ? { DUMP: scene.dump.id, NUMBER: '00001', NEW: 'new_shop', PLACE: join(server.root, 'by-hand') }
      : {}),
    ...changes,
  }
  const run = await runShell(commandsOf('docs/without-holdfast.md', settings, { before }), server.root)
  return {
    ...run,
    server,
    async [Symbol.asyncDispose]() {
      const { uid, gid } = serverUser()
      spawnSync(
        join(server.binDirectory, 'pg_ctl'),
        ['-D', server.dataDirectory, '-m', 'immediate', 'stop'],
        { uid, gid, cwd: '/' },
      )
      await server.remove()
    },
  }
}

async function runShell(script: string, root: string): Promise<{ output: string; status: number | null }> {
  const { uid, gid } = serverUser()
  const log = join(root, 'shell-output')
  const out = openSync(log, 'w')
  const child = spawn('/bin/sh', ['-s'], {
    uid,
    gid,
    cwd: root,
    stdio: ['pipe', out, out],
    env: { PATH: bareTools(root) },
    timeout: 60_000,
  })
  child.stdin?.end(script)
  const [status] = (await once(child, 'exit')) as [number | null]
  closeSync(out)
  return { output: readFileSync(log, 'utf8'), status }
}

/** A folder with the programs that the document names. There is no node in it. */
function bareTools(root: string): string {
  const folder = join(root, 'tools')
  mkdirSync(folder)
  const coreutils = execFileSync('dpkg', ['-L', 'coreutils'], { encoding: 'utf8' }).split('\n')
  const programs = [
    ...coreutils.filter(path => /\/bin\/[^/]+$/.test(path) && existsSync(path)),
    ...['age', 'zstd', 'tar', 'sh'].map(name => requireTool(findProgram(name))),
  ]
  for (const path of programs) symlinkSync(path, join(folder, basename(path)))
  expect(existsSync(join(folder, 'node'))).toBe(false)
  return folder
}
