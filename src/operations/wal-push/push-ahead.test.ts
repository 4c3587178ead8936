/** The process that pushes ahead, in this one: what it leaves behind, however it ends. */
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { makeTargets, type FakeTargets } from '../../../test/fakes/push-targets.ts'
import { until } from '../../../test/support/until.ts'
import { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import { silentProgress } from '../../base/progress.ts'
import { systemWorld } from '../../base/world.ts'
import { pushOnCall, type PushCall } from './call.ts'
import { openOwedBook, type OwedBook } from './owed.ts'
import { pushAhead } from './push-ahead.ts'
import { openPushedSpool, type PushedSpool } from './pushed-spool.ts'
import { openTargets } from './target.ts'

const signal = new AbortController().signal
const worker = new URL('../../worker.ts', import.meta.url)

interface Scene {
  readonly fake: FakeTargets
  readonly spool: PushedSpool
  readonly book: OwedBook
}

async function sceneOf(fake: FakeTargets): Promise<Scene> {
  const configPath = join(fake.walFolder, '../holdfast.yaml')
  writeFileSync(configPath, '')
  const spool = await openPushedSpool(fake.walFolder, configPath, {
    environment: {},
    clock: fake.world.clock,
  })
  if (!spool) throw new Error('this host does not tell its boot')
  return { fake, spool, book: openOwedBook(fake.walFolder, fake.world.clock) }
}

function start({ fake, spool, book }: Scene, signal: AbortSignal): Promise<void> {
  const { world, targets, walFolder } = fake
  return pushAhead(
    { world, progress: silentProgress, worker, spool, book, targets, opened: targets, identity: undefined },
    { walFolder, cluster: 'lab', durableIn: 1, parallel: 1 },
    signal,
  )
}

/** As PostgreSQL's archiver asks for it. */
const call = ({ fake, spool, book }: Scene, name: string): Promise<PushCall> =>
  pushOnCall(
    {
      ...fake,
      spool,
      book,
      durableIn: 1,
      parallel: 0,
      startPushAhead: () => ({ hasEnded: () => true }),
    },
    join(fake.walFolder, name),
    signal,
  )

const told = ({ spool }: Scene, how: 'pushed' | 'failed'): readonly string[] =>
  readdirSync(spool.folder)
    .filter(name => name.endsWith(`.${how}`))
    .map(name => basename(name, `.${how}`))
const lockOf = ({ spool }: Scene): string => join(spool.folder, 'lock')

describe('a repository that is away', () => {
  test("is told by PostgreSQL's own call, to which one file is left; the others are pushed ahead", async () => {
    using fake = await makeTargets(['main', 'second'], { segments: 6 })
    const scene = await sceneOf(fake)
    const second = fake.targets[1]!
    fake.places['second']!.mood = 'dead'
    const stop = new AbortController()
    const running = start(scene, stop.signal)
    await until('all are pushed', async () => (await scene.book.list(second)).length === 6)
    await until('all are settled', () => told(scene, 'pushed').length + told(scene, 'failed').length === 6)
    const [left = '', ...more] = told(scene, 'failed')
    expect(more).toEqual([])
    const calls = await Promise.all(fake.segments.map(name => call(scene, name)))
    stop.abort(new Error('the server stops'))
    await running.catch(() => undefined)
    expect(calls.filter(({ result }) => result !== 'ahead')).toMatchObject([
      { name: left, result: 'already', lacking: [{ target: 'second' }] },
    ])
    expect([await scene.book.takeWarning(second), await scene.book.isWarningDue(second)]).toEqual([
      true,
      false,
    ])
    expect(existsSync(lockOf(scene))).toBe(false)
  })
})

test('a repository that never opens ends the process though more files come, so that the next one opens it anew', async () => {
  using fake = await makeTargets(['main', 'second'], { segments: 4 })
  const scene = await sceneOf(fake)
  const [main, second] = [fake.targets[0]!, fake.targets[1]!]
  let hasWaited = false
  const stuck = { ...second, open: () => new Promise<never>(() => undefined), isStuck: () => hasWaited }
  const targets = [main, stuck]
  const running = start({ ...scene, fake: { ...fake, targets, [Symbol.dispose]: () => undefined } }, signal)
  await until('one is owed', async () => (await scene.book.list(second)).length > 0)
  hasWaited = true
  await running
  expect(existsSync(lockOf(scene))).toBe(false)
  // That it was waited for counts once.
  expect(await scene.book.circuit(second)).toMatchObject({ failures: 1 })
})

test('to open takes long for some, and for ever when nothing answers', async () => {
  let nowMs = 0
  const { clock } = systemWorld()
  const world = { ...systemWorld(), clock: { ...clock, monotonicMs: () => nowMs } }
  const openStorage = (): Promise<never> => new Promise(() => undefined)
  const storage = { url: 'file:///gone' }
  const encoding = { level: 1, recipients: [] }
  const { all } = openTargets([{ name: 'main', storage, encoding }], { cluster: 'lab', world, openStorage })
  expect(all[0]?.isStuck()).toBe(false)
  void all[0]?.open(signal)
  nowMs = limits.walOpenMsMax
  expect(all[0]?.isStuck()).toBe(false)
  nowMs++
  expect(all[0]?.isStuck()).toBe(true)
})

describe('the lock', () => {
  test('does not outlive the process when catching up fails while files are pushed', async () => {
    using fake = await makeTargets(['main', 'second'], { segments: 3 })
    const scene = await sceneOf(fake)
    const list = (): Promise<never> => Promise.reject(new Error('the disk of pg_wal is ill'))
    // A rejection that nobody hears ends a process of ours.
    const unheard: unknown[] = []
    const note = (why: unknown): unknown => unheard.push(why)
    process.on('unhandledRejection', note)
    onTestFinished(() => void process.off('unhandledRejection', note))
    const running = start({ ...scene, book: { ...scene.book, list } }, signal)
    await expect(running).rejects.toThrow('the disk of pg_wal is ill')
    expect(unheard).toEqual([])
    expect(await fake.places['main']?.keys()).toHaveLength(3)
    expect(existsSync(lockOf(scene))).toBe(false)
  })

  test('of another process is neither touched nor removed by one that has lost it', async () => {
    using fake = await makeTargets(['main'])
    const { spool } = await sceneOf(fake)
    const lock = join(spool.folder, 'lock')
    expect(await spool.takeLock()).toBe(true)
    const theirs = readFileSync(lock, 'utf8').replaceAll(String(process.pid), '1')
    writeFileSync(lock, theirs)
    await expect(spool.touchLock()).rejects.toThrow(/held by another process/)
    await spool.releaseLock()
    expect(readFileSync(lock, 'utf8')).toBe(theirs)
  })
})

test('files that fail of one repository at the same time are all noted', async () => {
  using fake = await makeTargets(['main', 'second'])
  const { book } = await sceneOf(fake)
  const second = fake.targets[1]!
  const fault = new Fault('STORAGE_UNAVAILABLE', 'no route to it', { hint: 'Wait.' })
  const failing = Array.from({ length: 24 }, () => book.failed(second, fault))
  expect((await Promise.allSettled(failing)).filter(({ status }) => status === 'rejected')).toEqual([])
  expect(await book.circuit(second)).toMatchObject({ message: 'no route to it' })
})
