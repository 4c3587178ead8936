import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { closedHba, closedHbaName, closedLine, isClosed, openToAll } from './closed-server.ts'

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-closed-'))
})
afterEach(() => rm(directory, { recursive: true }))

const write = async (autoConf: string): Promise<void> => {
  await writeFile(join(directory, 'postgresql.auto.conf'), autoConf, { mode: 0o600 })
  await writeFile(join(directory, closedHbaName), closedHba())
}

test('a directory is closed until it is opened, and is then as it was', async () => {
  await write(`work_mem = '1MB'\n${closedLine(directory)}hba_file = '/etc/pg_hba.conf'\n`)
  expect(await isClosed(directory)).toBe(true)
  await openToAll(directory)
  expect(await isClosed(directory)).toBe(false)
  expect(await readFile(join(directory, 'postgresql.auto.conf'), 'utf8')).toBe(
    "work_mem = '1MB'\nhba_file = '/etc/pg_hba.conf'\n",
  )
  expect(await readdir(directory)).toEqual(['postgresql.auto.conf'])
})

test('it is closed wherever it was moved to', async () => {
  await write(closedLine(`/else/where's`))
  expect(await isClosed(directory)).toBe(true)
  await openToAll(directory)
  expect(await isClosed(directory)).toBe(false)
})

test('a directory without settings of its own is open', async () => {
  expect(await isClosed(directory)).toBe(false)
  await openToAll(directory)
})

test('nobody is let in by any kind of connection', () => {
  const rules = closedHba()
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
  expect(rules.every(line => line.endsWith(' reject'))).toBe(true)
  expect(rules.map(line => line.split(' ').slice(0, 2).join(' '))).toEqual([
    'local all',
    'host all',
    'local replication',
    'host replication',
  ])
})
