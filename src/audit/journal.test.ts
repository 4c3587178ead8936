import { spawn, type ChildProcess } from 'node:child_process'
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { auditLimits } from './limits.ts'
import { systemWorld } from '../base/world.ts'
import { ChainCheck } from './check-chain.ts'
import type { AuditEvent, Entry } from './entry.ts'
import { appendEvents, readHead, readLines } from './journal.ts'

const signal = new AbortController().signal
const who = { user: 'postgres', uid: 101, host: 'DB 1', pid: 7, by: 'hand', terminal: true }
const deps = { world: systemWorld(), who, tool: 'test' }
const writer = fileURLToPath(new URL('../../test/fakes/audit-writer.ts', import.meta.url))

let folder: string
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'holdfast-audit-')), 'audit')
})
afterEach(() => {
  rmSync(join(folder, '..'), { recursive: true })
})

const note = (about: string, filler = ''): AuditEvent => ({
  event: 'note',
  at: '2026-03-01T00:00:00.000Z',
  operation: 'a',
  who,
  about,
  facts: { filler },
})

const append = (...events: readonly AuditEvent[]) => appendEvents(folder, events, deps, signal)

async function readAll() {
  const check = new ChainCheck()
  const entries: Entry[] = []
  for await (const { line, place } of readLines(folder)) {
    const entry = check.take(line, place)
    if (entry) entries.push(entry)
  }
  return { entries, problems: check.problems }
}

const told = ({ entries }: { entries: readonly Entry[] }) =>
  entries.map(entry => (entry.event === 'note' ? entry.about : entry.event))

const newest = (): string => join(folder, readdirSync(folder).toSorted().at(-1)!)

function startWriter(
  count: number,
  about: string,
): { child: ChildProcess; said: () => readonly number[]; ended: Promise<unknown> } {
  const child = spawn(process.execPath, [writer, folder, String(count), about], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let out = ''
  child.stdout.on('data', (piece: Buffer) => (out += piece.toString()))
  const ended = new Promise(resolve => child.once('close', resolve))
  return { child, ended, said: () => out.split('\n').slice(0, -1).map(Number) }
}

test('the first entry begins a chain that is named after the host; files are for their owner alone', async () => {
  const head = await append(note('one'), note('two'))
  expect(head).toMatchObject({ n: 3, chain: expect.stringMatching(/^db-1-[0-9a-f]{16}$/) })
  const read = await readAll()
  expect(read.problems).toEqual([])
  expect(told(read)).toEqual(['chain', 'one', 'two'])
  expect(await readHead(folder)).toEqual(head)
  expect(statSync(folder).mode & 0o777).toBe(0o700)
  expect(statSync(newest()).mode & 0o777).toBe(0o600)
})

test('a large file is followed by a next one, and the chain goes on', async () => {
  const filler = 'x'.repeat(30_000)
  const many = Array.from({ length: 200 }, (_, i) => note(`n${String(i)}`, filler))
  for (let i = 0; i < 4; i++) await append(...many)
  const files = readdirSync(folder).toSorted()
  expect(files).toEqual(['000000000001.jsonl', '000000000602.jsonl'])
  expect(statSync(join(folder, files[0]!)).size).toBeGreaterThan(auditLimits.fileBytesMax)
  expect(await readAll()).toMatchObject({ problems: [], entries: expect.objectContaining({ length: 801 }) })
  const late: string[] = []
  for await (const { place } of readLines(folder, 700)) late.push(place)
  expect(late[0]).toBe('line 1 of 000000000602.jsonl')
})

test('several processes that write at once make one chain', async () => {
  const writers = ['a', 'b', 'c', 'd'].map(about => startWriter(25, about))
  await Promise.all(writers.map(({ ended }) => ended))
  const read = await readAll()
  expect(read.problems).toEqual([])
  expect(told(read).toSorted()).toEqual(
    ['chain', ...['a', 'b', 'c', 'd'].flatMap(about => Array<string>(25).fill(about))].toSorted(),
  )
  for (const { said } of writers) expect(said()).toHaveLength(25)
})

test('after kill -9 at any moment what was said to be written is there, and the chain goes on', async () => {
  for (const enough of [2, 3, 5, 9]) {
    const writers = ['a', 'b'].map(about => startWriter(10_000, about))
    for (const { child, said } of writers) {
      child.stdout!.on('data', () => {
        if (said().length >= enough) child.kill('SIGKILL')
      })
    }
    await Promise.all(writers.map(({ ended }) => ended))
    await append(note('after'))
    const { entries, problems } = await readAll()
    expect(problems).toEqual([])
    const numbers = new Set(entries.map(({ n }) => n))
    expect(writers.flatMap(({ said }) => said()).filter(n => !numbers.has(n))).toEqual([])
    expect(entries.at(-1)).toMatchObject({ about: 'after' })
  }
})

test('a half written line is taken out, and the chain tells what it was', async () => {
  await append(note('one'), note('two'))
  const path = newest()
  const lost = readFileSync(path, 'utf8').split('\n')[2]!
  truncateSync(path, statSync(path).size - 11)
  expect((await readAll()).problems).toMatchObject([
    { message: 'line 3 of 000000000001.jsonl is no entry, or was changed' },
  ])
  await append(note('three'))
  const read = await readAll()
  expect(read.problems).toEqual([])
  expect(told(read)).toEqual(['chain', 'one', 'mended', 'three'])
  expect(read.entries[2]).toMatchObject({ bytes: lost.length - 10, removed: lost.slice(0, -10) })
})

test('a line that lacks its end only is whole', async () => {
  await append(note('one'))
  truncateSync(newest(), statSync(newest()).size - 1)
  await append(note('two'))
  const read = await readAll()
  expect(read.problems).toEqual([])
  expect(told(read)).toEqual(['chain', 'one', 'two'])
})

test('a very first line that was cut off begins the chain anew', async () => {
  await append(note('one'))
  truncateSync(newest(), 20)
  await append(note('two'))
  expect(told(await readAll())).toEqual(['chain', 'mended', 'two'])
})

test('after lines that were damaged the chain goes on, and the damage stays to be seen', async () => {
  await append(note('one'))
  appendFileSync(newest(), 'rubbish\n')
  await append(note('two'))
  const read = await readAll()
  expect(told(read)).toEqual(['chain', 'one', 'two'])
  expect(read.problems[0]).toMatchObject({
    message: 'line 3 of 000000000001.jsonl is no entry, or was changed',
  })
})

test('where no entry can be read, nothing is written', async () => {
  await append(note('one'))
  writeFileSync(newest(), 'rubbish\nmore of it\n')
  await expect(append(note('two'))).rejects.toMatchObject({ code: 'AUDIT_UNWRITABLE' })
})

test('a folder that can not be made is a fault that says where', async () => {
  writeFileSync(join(folder, '..', 'file'), '')
  const wrong = join(folder, '..', 'file', 'audit')
  await expect(appendEvents(wrong, [note('one')], deps, signal)).rejects.toMatchObject({
    code: 'AUDIT_UNWRITABLE',
    message: expect.stringContaining(wrong),
  })
})
