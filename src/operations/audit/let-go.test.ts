import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { appendEvents, readHead, readLines } from '../../audit/journal.ts'
import { findOld, here, letGo, letGoAbout, letGoFacts } from '../../audit/let-go.ts'
import type { Facts } from '../../audit/entry.ts'
import { silentProgress } from '../../base/progress.ts'
import { day } from '../../base/units.ts'
import { systemWorld } from '../../base/world.ts'
import { openMemoryStorage } from '../../storage/drivers/memory.ts'
import type { Repository } from '../../repository/repository.ts'
import { copyTrails, trailsToCopy } from '../copy/copy-trails.ts'
import { findOldCopies, letGoCopies } from './let-go-copies.ts'
import { sendTrail } from './send.ts'
import { checkContents, checkTrail } from './verify.ts'

const { signal } = new AbortController()
const who = { user: 'postgres', uid: 101, host: 'db1', pid: 7, by: 'hand', terminal: true }
const startMs = Date.parse('2026-03-01T00:00:00.000Z')
const keepMs = 5 * day

let root: string
let folder: string
let nowMs: number
let repository: Repository
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-let-go-'))
  folder = join(root, 'audit')
  nowMs = startMs
  repository = repositoryOf('main')
})
afterEach(() => {
  rmSync(root, { recursive: true })
})

function repositoryOf(id: string): Repository {
  const storage = openMemoryStorage({ now: () => nowMs })
  const identity = {
    cluster: 'gathr',
    systemIdentifier: '7',
    postgresMajor: 17,
    walSegmentSizeBytes: 1 << 24,
  }
  return { storage, identity, id }
}

const world = () => {
  const real = systemWorld()
  return { ...real, clock: { ...real.clock, now: () => nowMs } }
}
const enter = (about: string, facts: Facts = {}) => {
  const at = new Date(nowMs).toISOString()
  const note = { event: 'note', at, operation: 'a', who, about, facts } as const
  return appendEvents(folder, [note], { world: world(), who, tool: 't' }, signal)
}
const send = () => sendTrail(folder, { repository, encoding: { level: 3, recipients: [] } }, world(), signal)
const places = () => [{ name: 'main', repository }]
const messages = async (olderThanMs?: number): Promise<readonly string[]> =>
  (await checkTrail(folder, places(), { olderThanMs }, signal)).problems.map(({ message }) => message)

/** One entry a day, each sent: the first one of the chain comes with the first. */
async function tenDays(): Promise<void> {
  for (let i = 0; i < 10; i++) {
    nowMs = startMs + i * day
    await enter(`day ${String(i)}`)
    await send()
  }
}

async function letGoHere(): Promise<number> {
  const old = await findOld(folder, { olderThanMs: nowMs - keepMs })
  if (!old) return 0
  await enter(letGoAbout, letGoFacts(here, old.start))
  await letGo(folder, old.start, world(), signal)
  return old.entries
}

const lines = async (): Promise<readonly string[]> =>
  (await Array.fromAsync(readLines(folder))).map(({ line }) => line)

test('old entries of a host go, over several files, and what is left is a chain that says why it begins there', async () => {
  await tenDays()
  const all = await lines()
  const [file = ''] = readdirSync(folder).filter(name => name.endsWith('.jsonl'))
  const text = (some: readonly string[]): string => some.map(line => `${line}\n`).join('')
  writeFileSync(join(folder, file), text(all.slice(0, 3)))
  writeFileSync(join(folder, '000000000004.jsonl'), text(all.slice(3)))
  // Of days 0 to 3, and the first one of the chain.
  expect(await letGoHere()).toBe(5)
  expect(await lines()).toEqual([...all.slice(5), expect.stringContaining(letGoAbout)])
  const report = await checkTrail(folder, [], {}, signal)
  expect(report).toMatchObject({ problems: [], first: 6, entries: 7 })
  await enter('and on')
  expect((await readHead(folder))?.n).toBe(13)
  expect(await letGoHere()).toBe(0)
})

test('what a repository is still owed stays', async () => {
  await tenDays()
  const old = await findOld(folder, { olderThanMs: nowMs - keepMs, upTo: 3 })
  expect(old).toMatchObject({ start: { n: 3 }, entries: 3 })
  expect(await findOld(folder, { olderThanMs: nowMs - keepMs, upTo: 0 })).toBeUndefined()
})

test('who removes more than was let go, or says nothing of it, is found', async () => {
  await tenDays()
  await letGoHere()
  const [file = ''] = readdirSync(folder).filter(name => name.endsWith('.jsonl'))
  const path = join(folder, file)
  const whole = readFileSync(path, 'utf8')
  writeFileSync(path, whole.split('\n').slice(1).join('\n'))
  expect((await checkTrail(folder, [], {}, signal)).problems).toHaveLength(1)
  writeFileSync(path, whole.replace(/.*audit let go.*\n/, ''))
  expect((await checkTrail(folder, [], {}, signal)).problems).toHaveLength(1)
})

test('old copies go without a key; what is left begins where an object says', async () => {
  await tenDays()
  const olderThanMs = nowMs - keepMs
  const [old] = await findOldCopies(repository, olderThanMs, signal)
  if (!old) throw new Error('there are old ones')
  expect(old.keys).toHaveLength(4)
  expect(await letGoCopies(repository, old, signal)).toBe('gone')
  expect(await findOldCopies(repository, olderThanMs, signal)).toEqual([])
  expect(await checkContents({ name: 'main', repository }, [], signal)).toEqual({ entries: 6, problems: [] })
  expect(await messages(olderThanMs)).toEqual([])
  // One object says it, however often something goes.
  nowMs += day
  const [later] = await findOldCopies(repository, nowMs - keepMs, signal)
  if (later) await letGoCopies(repository, later, signal)
  const starts = (await Array.fromAsync(repository.storage.list('gathr/audit/', signal))).filter(({ key }) =>
    key.endsWith('.start.json'),
  )
  expect(starts).toHaveLength(1)
  // Where everything is kept, nothing may lack, whatever an object there says.
  expect(await messages()).toEqual(['repository main lacks entries 1 to 6'])
  if (later) await enter(letGoAbout, letGoFacts('main', later.start))
  expect(await messages()).toEqual([])
  // On both sides.
  await letGoHere()
  await send()
  expect(await messages(olderThanMs)).toEqual([])
  const [next = ''] = (await Array.fromAsync(repository.storage.list('gathr/audit/', signal)))
    .map(({ key }) => key)
    .filter(key => key.includes('.jsonl'))
  await repository.storage.delete([next], signal)
  expect((await checkContents({ name: 'main', repository }, [], signal)).problems).toHaveLength(1)
})

test('a copy of the repository gets word of what was let go, and lets go of it itself', async () => {
  await tenDays()
  const side = { name: 'main', repository, recipients: [], identities: [] }
  const copy = repositoryOf('second')
  const to = { ...side, name: 'second', repository: copy }
  const bring = async () =>
    copyTrails(
      { from: side, to, arrival: 'read back' },
      await trailsToCopy(side, to, signal),
      silentProgress,
      signal,
    )
  await bring()
  const [old] = await findOldCopies(repository, nowMs - keepMs, signal)
  if (!old) throw new Error('there are old ones')
  await letGoCopies(repository, old, signal)
  expect(await bring()).toMatchObject({ objects: 1, problems: [] })
  // It was written here just now, and is old all the same.
  const [there] = await findOldCopies(copy, nowMs - keepMs, signal)
  expect(there).toEqual(old)
  if (there) await letGoCopies(copy, there, signal)
  expect(await checkContents({ name: 'second', repository: copy }, [], signal)).toEqual({
    entries: 6,
    problems: [],
  })
  expect(await bring()).toMatchObject({ objects: 0 })
})
