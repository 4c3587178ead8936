/**
 * A region is lost for real: its server is killed, or stands still without a word, in the midst of a backup, of a copy and of
 * a restore. Each ends within a bounded time, well, or says exactly what is missing.
 */
import { globSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Trouble } from '../src/operations/sources/trouble.ts'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import { describeRun, jsonOf, type Run, type Running } from './support/holdfast.ts'
import { makeRoot, serverOn, type TestServer } from './support/postgres-server.ts'
import { openRegionPair, type OwnRegion, type RegionPair } from './support/region-pair.ts'
import { faultOf, untilRecovered } from './support/restored-server.ts'
import { stepTo } from './support/stepped.ts'

type BackupResult = BackupRecord & {
  readonly repositories: readonly { readonly name: string; readonly state: string }[]
}

const build = 'debian'
const rows = 11_000

let pair: RegionPair
let main: OwnRegion
let second: OwnRegion
/** With which `second` is a copy of `main`. */
let copying: string
/** In both regions. */
let backup: BackupResult

beforeAll(async () => {
  const config = { workers: 2, write: 'all', wal: { fetch_ahead: false } }
  pair = await openRegionPair({ major: 15, build, config })
  ;({ main, second } = pair.regions)
  const { lab } = pair
  const repositories = lab.config.repositories
  copying = lab.writeConfig('copy.yaml', {
    write: 'first',
    repositories: { ...repositories, second: { ...repositories['second'], copy_of: 'main' } },
  })
  // More than a restore fetches ahead, and it does not compress.
  await lab.server.query(
    `CREATE TABLE t AS SELECT n, (SELECT string_agg(sha512((n * 100 + m)::text::bytea), '') AS filler
       FROM generate_series(1, 100) m) FROM generate_series(1, ${String(rows)}) n`,
  )
  backup = jsonOf(await lab.ok(['backup', '--json']))
})

afterEach(() => {
  for (const { ceph } of [main, second]) ceph.continueGateway()
})
afterAll(() => pair[Symbol.asyncDispose]())

/** Stands still in the midst of sending a pack to the first region. */
async function startBackup(args: readonly string[] = []): Promise<Running> {
  const running = pair.lab.start([...args, 'backup', '--json'])
  await stepTo('a pack was on its way', running, () => main.takesPack())
  return running
}

/** Stands still in the midst of writing the large table. */
async function startRestore(server: TestServer, args: readonly string[]): Promise<Running> {
  const target = server.dataDirectory
  const running = pair.lab.start([...args, '--target-dir', target, '--yes', '--json'])
  const isWriting = (): boolean =>
    globSync(join(target, 'base/*/*')).some(
      path => (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 2 ** 20,
    )
  await stepTo('files were written', running, isWriting)
  return running
}

const goOn = (running: Running): Promise<Run> => {
  running.kill('SIGCONT')
  return running.ended
}

/** The backup is whole in the second region, and the first is filled from there when it is back. */
async function expectWholeInSecond(run: Run): Promise<void> {
  const { lab } = pair
  expect(run.status, describeRun(run)).toBe(37)
  const { id, repositories } = jsonOf<BackupResult>(run)
  expect(Object.fromEntries(repositories.map(({ name, state }) => [name, state]))).toEqual({
    main: 'behind',
    second: 'whole',
  })
  expect(run.err).toMatch(/repository "main" does not have/)
  expect(await main.hasBackup(id)).toBe(false)
  await lab.ok(['verify', '--repository', 'second', id])
  // A copy compares the hash of everything that has arrived.
  await lab.ok(['copy', '--from', 'second', '--to', 'main', id])
  expect(await main.hasBackup(id)).toBe(true)
}

async function expectRestored(server: TestServer, run: Run): Promise<void> {
  expect(run.status, describeRun(run)).toBe(0)
  const { passedOver } = jsonOf<{ result: { passedOver: readonly Trouble[] } }>(run).result
  expect([...new Set(passedOver.map(({ repository }) => repository))]).toEqual(['main'])
  await server.start()
  await untilRecovered(server)
  expect(await server.value('SELECT count(*) FROM t')).toBe(String(rows))
}

const restoreServer = (): Promise<TestServer> => serverOn(makeRoot(), { major: pair.lab.server.major, build })

describe('the server of the first region is killed in the midst of', () => {
  test('a backup to both: it is whole in the second, and the first is filled from there', async () => {
    const running = await startBackup()
    await main.ceph.killGateway()
    const run = await goOn(running)
    await main.ceph.startGateway()
    expect(run.durationMs).toBeLessThan(60_000)
    await expectWholeInSecond(run)
  })

  test('a restore: it goes on with the second', async () => {
    const server = await restoreServer()
    await using _ = { [Symbol.asyncDispose]: () => server.remove() }
    const running = await startRestore(server, ['restore', '--backup', backup.id, '--to-immediate'])
    await main.ceph.killGateway()
    const run = await goOn(running)
    expect(run.durationMs).toBeLessThan(60_000)
    await expectRestored(server, run)
    await main.ceph.startGateway()
  })

  test('a backup to it alone: it fails, says so, and nothing is committed', async () => {
    const before = await pair.lab.json<readonly BackupRecord[]>(['list'])
    const running = await startBackup(['--config', copying])
    await main.ceph.killGateway()
    const run = await goOn(running)
    await main.ceph.startGateway()
    expect(run.durationMs).toBeLessThan(60_000)
    expect(run.status, describeRun(run)).toBe(31)
    const { code, hint } = faultOf(run)
    expect(code).toBe('STORAGE_UNAVAILABLE')
    expect(hint).toMatch(/[.)]$/)
    expect(await pair.lab.json<readonly BackupRecord[]>(['list'])).toEqual(before)
  })

  test('a copy from it: what is missing is said, and the next copy brings it', async () => {
    const { lab } = pair
    const { id } = await lab.json<BackupRecord>(['--config', copying, 'backup'])
    const running = lab.start(['--config', copying, 'copy', '--json', id])
    await stepTo('a pack was on its way', running, () => second.takesPack())
    await main.ceph.killGateway()
    const run = await goOn(running)
    await main.ceph.startGateway()
    expect(run.durationMs).toBeLessThan(60_000)
    expect([31, 37], describeRun(run)).toContain(run.status)
    expect(await second.hasBackup(id)).toBe(false)
    await lab.ok(['--config', copying, 'copy', id])
    expect(await second.hasBackup(id)).toBe(true)
  })
})

/** Both at once, since each waits for as long as one that says nothing is waited for. */
test('the server of the first region stands still in the midst of a backup and a restore: both go on with the second', async () => {
  const server = await restoreServer()
  await using _ = { [Symbol.asyncDispose]: () => server.remove() }
  const restoring = await startRestore(server, [
    ...['--config', copying],
    ...['restore', '--backup', backup.id, '--to-immediate'],
  ])
  const backingUp = await startBackup()
  main.ceph.hangGateway()
  const [restored, backedUp] = await Promise.all([goOn(restoring), goOn(backingUp)])
  main.ceph.continueGateway()
  expect(restored.durationMs).toBeLessThan(60_000)
  expect(backedUp.durationMs).toBeLessThan(100_000)
  await expectRestored(server, restored)
  await expectWholeInSecond(backedUp)
})
