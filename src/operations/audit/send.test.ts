import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { AuditEvent } from '../../audit/entry.ts'
import { appendEvents } from '../../audit/journal.ts'
import { isFault } from '../../base/fault.ts'
import { systemWorld } from '../../base/world.ts'
import { generateIdentity } from '../../pipeline/age.ts'
import { initRepository, openRepository, type Repository } from '../../repository/repository.ts'
import { openStorage } from '../../storage/open.ts'
import { sendTrail } from './send.ts'
import { checkContents, checkTrail } from './verify.ts'

const { signal } = new AbortController()
const world = systemWorld()
const who = { user: 'postgres', uid: 101, host: 'db1', pid: 7, by: 'hand', terminal: true }

let root: string
let folder: string
let repository: Repository
let encoding: { level: number; recipients: readonly string[] }
let identity: string

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-send-'))
  folder = join(root, 'audit')
  mkdirSync(join(root, 'repository'))
  const storage = await openStorage({ url: `file://${join(root, 'repository')}` }, world)
  const known = {
    cluster: 'gathr',
    systemIdentifier: '7',
    postgresMajor: 17,
    walSegmentSizeBytes: 16_777_216,
  }
  await initRepository(storage, known, world, signal)
  repository = await openRepository(storage, 'gathr', signal)
  const keys = await generateIdentity()
  identity = keys.identity
  encoding = { level: 3, recipients: [keys.recipient] }
})
afterEach(async () => {
  await repository.storage.close()
  rmSync(root, { recursive: true })
})

const note = (about: string, filler = ''): AuditEvent => ({
  event: 'note',
  at: '2026-03-01T00:00:00.000Z',
  operation: 'a',
  who,
  about,
  facts: { filler },
})
const enter = (...events: readonly AuditEvent[]) =>
  appendEvents(folder, events, { world, who, tool: 't' }, signal)
const send = () => sendTrail(folder, { repository, encoding }, world, signal)
const places = () => [{ name: 'main', repository }]
const check = () => checkTrail(folder, places(), {}, signal)
const contents = (keys: readonly string[] = [identity]) =>
  checkContents({ name: 'main', repository }, keys, signal)
const copies = (): readonly string[] =>
  readdirSync(join(root, 'repository/gathr/audit'), { recursive: true, encoding: 'utf8' }).filter(name =>
    name.includes('.jsonl'),
  )
const newest = (): string =>
  join(
    folder,
    readdirSync(folder)
      .filter(name => name.endsWith('.jsonl'))
      .toSorted()
      .at(-1)!,
  )

test('what a repository lacks is copied, once', async () => {
  await enter(note('one'), note('two'))
  expect(await send()).toEqual({ entries: 3, last: 3 })
  expect(await send()).toEqual({ entries: 0, last: 3 })
  await enter(note('three'))
  expect(await check()).toMatchObject({
    entries: 4,
    problems: [],
    copies: [{ copied: 3, owed: 1, others: {} }],
  })
  expect(await send()).toEqual({ entries: 1, last: 4 })
  expect(await check()).toMatchObject({ problems: [], copies: [{ copied: 4, owed: 0 }] })
  expect(copies()).toHaveLength(2)
  expect(await contents()).toEqual({ entries: 4, problems: [] })
})

test('where nothing was entered, nothing is copied', async () => {
  expect(await send()).toEqual({ entries: 0, last: 0 })
})

test('a note of what was copied that is gone, or tells of another place, costs a list', async () => {
  await enter(note('one'))
  await send()
  for (const text of ['{"', JSON.stringify({ [repository.id]: 'gathr/audit/db1-aa/none' })]) {
    writeFileSync(join(folder, 'sent.json'), text)
    expect(await send()).toEqual({ entries: 0, last: 2 })
  }
  expect(copies()).toHaveLength(1)
})

test('a long trail is copied in several objects', async () => {
  const filler = 'x'.repeat(50_000)
  await enter(...Array.from({ length: 100 }, (_, i) => note(String(i), filler)))
  expect(await send()).toEqual({ entries: 101, last: 101 })
  expect(copies()).toHaveLength(2)
  expect(await contents()).toEqual({ entries: 101, problems: [] })
})

test('several that send at once leave one whole copy', async () => {
  await enter(note('one'))
  await Promise.all([send(), send(), send()])
  expect(copies()).toHaveLength(1)
})

test('it can not be read without a key', async () => {
  await enter(note('one'))
  await send()
  const fault: unknown = await contents([]).catch((error: unknown) => error)
  expect(isFault(fault, 'KEY_MISSING')).toBe(true)
})

test('the end that was cut off is found, and the chain that was written anew', async () => {
  await enter(note('one'), note('two'))
  await send()
  const text = readFileSync(newest(), 'utf8')
  const lines = text.split('\n')
  truncateSync(newest(), lines.slice(0, 2).join('\n').length + 1)
  expect((await check()).problems).toMatchObject([
    { n: 3, message: expect.stringMatching(/its end was cut off/) },
  ])
  // Somebody who goes on from there, as if nothing had been.
  await enter(note('other'), note('more'))
  expect((await check()).problems).toMatchObject([
    { n: 3, message: expect.stringMatching(/is another one here/) },
  ])
  await send()
  expect((await check()).problems).toMatchObject([
    { n: 3, message: expect.stringMatching(/is another one here/) },
  ])
})

test('a folder that was emptied begins another chain, and the first one stays to be seen', async () => {
  const first = await enter(note('one'))
  await send()
  rmSync(folder, { recursive: true })
  await enter(note('two'))
  await send()
  expect(await check()).toMatchObject({ problems: [], copies: [{ copied: 2, others: { [first.chain]: 2 } }] })
})

test('a copy that was damaged, or is missing, is found by what is in the others', async () => {
  await enter(note('one'))
  await send()
  await enter(note('two'))
  await send()
  const [one = ''] = copies()
  const path = join(root, 'repository/gathr/audit', one)
  const bytes = readFileSync(path)
  bytes[bytes.length - 3]! ^= 1
  rmSync(path)
  writeFileSync(path, bytes)
  expect((await contents()).problems).not.toEqual([])
  rmSync(path)
  expect((await contents()).problems).toMatchObject([
    { message: expect.stringMatching(/entries 1 to 2 are not there/) },
  ])
  expect((await check()).problems).toMatchObject([{ message: 'repository main lacks entries 1 to 2' }])
})

test('what stands on a head that was written down is found when it is not there', async () => {
  const head = await enter(note('one'))
  await enter(note('two'))
  expect((await checkTrail(folder, [], { wanted: head }, signal)).problems).toEqual([])
  expect(
    (await checkTrail(folder, [], { wanted: { n: 2, hash: '0'.repeat(64) } }, signal)).problems,
  ).toMatchObject([{ n: 2 }])
})
