/** `holdfast dump` and `dump-fetch` against real servers, judged by pg_restore. */
import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { VerifyReport } from '../src/operations/verify/report.ts'
import type { DumpRecord } from '../src/repository/format/dump-record.ts'
import { countRows, openDumpLab, restoreWith, shopRows, type DumpLab } from './support/dump-lab.ts'
import { jsonOf } from './support/holdfast.ts'
import type { Major } from './support/postgres-binaries.ts'
import type { ClientMajor } from './support/postgres-clients.ts'

describe.each<[Major, ClientMajor]>([
  [14, 15],
  [18, 18],
])('PostgreSQL %i, with pg_dump %i', (major, clientMajor) => {
  let lab: DumpLab
  let dump: DumpRecord

  beforeAll(async () => {
    lab = await openDumpLab(clientMajor, { major })
    dump = await lab.json<DumpRecord>(['dump', '--label', 'nightly'])
  })
  afterAll(() => lab[Symbol.asyncDispose]())

  const stored = (name: string): string => join(lab.repositoryDirectory, 'lab/dumps', dump.id, name)

  test('all databases and the globals are dumped, and counted as they pass by', () => {
    expect(dump.databases.map(({ name }) => name)).toEqual(['postgres', 'shop & co', 'template1'])
    const shop = dump.databases[1]
    expect(shop).toMatchObject({ shape: 'custom', owner: 'clerk', largeObjects: 2, tables: shopRows.size })
    expect(shop?.rows).toBe([...shopRows.values()].reduce((sum, rows) => sum + rows, 0))
    expect(dump).toMatchObject({ label: 'nightly', selection: { databases: 'all', contents: 'all' } })
    expect(Math.floor(dump.pgDump.versionNumber / 10_000)).toBe(clientMajor)
    expect(dump.databases.map(({ snapshotLsn }) => snapshotLsn)).toContain(dump.lsn)
  })

  test('age and zstd alone give the file that pg_restore takes', async () => {
    const file = join(lab.server.root, 'plain.dump')
    execFileSync('sh', [
      '-c',
      'age -d -i "$1" "$2" | zstd -d > "$3"',
      '-',
      lab.identityPath,
      stored('parts/00002.dump.zst.age'),
      file,
    ])
    expect(statSync(file).size).toBe(dump.databases[1]?.rawBytes)
    await restoreWith(lab, 'by_age', [file])
    expect(await countRows(lab, 'by_age')).toEqual(await countRows(lab, 'shop & co'))
  })

  test('the globals are SQL that makes the roles', async () => {
    const run = await lab.ok(['dump-fetch', dump.id, '-', '--globals'])
    expect(run.out).toContain('CREATE ROLE clerk;')
    const sql = execFileSync('sh', [
      '-c',
      'age -d -i "$1" "$2" | zstd -d',
      '-',
      lab.identityPath,
      stored('globals.sql.zst.age'),
    ])
    expect(run.out).toBe(sql.toString())
  })

  test('dump-fetch gives the same file, and replaces none', async () => {
    const file = join(lab.server.root, 'fetched.dump')
    await lab.ok(['dump-fetch', 'latest', file, '--from', 'shop & co'])
    const by = execFileSync('sh', [
      '-c',
      'age -d -i "$1" "$2" | zstd -d | cmp - "$3" && echo same',
      '-',
      lab.identityPath,
      stored('parts/00002.dump.zst.age'),
      file,
    ])
    expect(by.toString()).toBe('same\n')
    const again = await lab.run(['dump-fetch', 'latest', file, '--from', 'shop & co'])
    expect(again).toMatchObject({ status: 2 })
    expect(again.err).toContain('is there already')
    expect(readdirSync(lab.server.root).filter(name => name.endsWith('.part'))).toEqual([])
  })

  test('with several jobs, dump-fetch gives a directory that pg_restore takes in parallel', async () => {
    const parallel = await lab.json<DumpRecord>(['dump', 'shop & co', '--jobs', '3'])
    expect(parallel.databases[0]).toMatchObject({
      shape: 'directory',
      tables: shopRows.size,
      largeObjects: 2,
    })
    expect(parallel.sizes.rows).toBe([...shopRows.values()].reduce((sum, rows) => sum + rows, 0))
    const names = parallel.databases[0]?.objects.map(({ name }) => name) ?? []
    // One table is larger than what is collected in memory; all others share a pack.
    expect(names.filter(name => name.includes('.dat.'))).toHaveLength(1)
    expect(names.filter(name => name.includes('/data/'))).toHaveLength(1)
    const directory = join(lab.server.root, 'directory')
    await lab.ok(['dump-fetch', parallel.id, directory])
    await restoreWith(lab, 'by_directory', ['--format=directory', '--jobs=2', directory])
    expect(await countRows(lab, 'by_directory')).toEqual(await countRows(lab, 'shop & co'))
  })

  test('list, show and verify know dumps; verify finds a damaged one', async () => {
    const listed = await lab.json<DumpRecord[]>(['list', '--kind', 'dump'])
    expect(listed.map(({ kind }) => kind)).toContain('dump')
    expect((await lab.ok(['list'])).out).toMatch(/^ID +KIND .*\n20\S+-dump +dump /)
    expect((await lab.ok(['show', dump.id])).out).toContain('shop & co: ')
    const good = await lab.json<VerifyReport>(['verify'])
    expect(good).toMatchObject({ isGood: true, notChecked: [] })
    expect(good.dumps.map(({ id }) => id)).toEqual(listed.map(({ id }) => id))
    const path = stored('parts/00002.dump.zst.age')
    const bytes = readFileSync(path)
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
    lab.write(path, bytes)
    const bad = await lab.run(['verify', dump.id, '--json'])
    expect(bad.status).toBe(25)
    expect(jsonOf<VerifyReport>(bad).findings).toMatchObject([
      { backup: dump.id, cost: `The database shop & co can not be restored whole from ${dump.id}.` },
    ])
  })

  test('a selection leaves out what was asked to be left out', async () => {
    const some = ['--exclude-schema', 'side', '--exclude-table-data', 'large', '--jobs', '2']
    const part = await lab.json<DumpRecord>(['dump', 'shop & co', ...some])
    expect(part.selection).toEqual({ databases: 'named', contents: 'part' })
    expect(part.sizes).toMatchObject({ tables: shopRows.size - 2, rows: 20_000 + 3 + 3 })
  })
})
