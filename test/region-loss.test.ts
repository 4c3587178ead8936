/**
 * A whole region is lost in the midst of a backup and of archiving: each goes on with the other one, which fills it when it
 * is back, or says exactly what is missing. Two buckets behind two proxies are the regions; a lost one refuses every connection.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import { expectNoSecret, openBucketLab, type BucketLab, type Region } from './support/bucket-lab.ts'
import { describeRun, jsonOf, type Run } from './support/holdfast.ts'
import { faultOf } from './support/restored-server.ts'

type Name = 'main' | 'second'
type BackupResult = BackupRecord & {
  readonly repositories: readonly { readonly name: string; readonly state: string }[]
}

const gone = { kind: 'gone' } as const
const missing = '00000001000000FF000000FF'

let bench: BucketLab
/** In both regions. */
let backup: BackupResult

beforeAll(async () => {
  const config = { workers: 2, write: 'all', wal: { fetch_ahead: false } }
  bench = await openBucketLab({ major: 15, build: 'debian', regions: ['main', 'second'], config })
  await bench.lab.server.query(
    `CREATE TABLE t AS SELECT n, sha512(n::text::bytea) AS a, sha512((-n)::text::bytea) AS b
       FROM generate_series(1, 100000) n`,
  )
  backup = jsonOf(await bench.lab.ok(['backup', '--json']))
})

afterEach(() => bench.heal())
afterAll(() => bench[Symbol.asyncDispose]())

describe.each<[lost: Name, left: Name]>([
  ['main', 'second'],
  ['second', 'main'],
])('in the midst of a backup, %s', (lost, left) => {
  let run: Run

  beforeAll(async () => {
    region(lost).proxy.on({ kind: ['upload-part', 'put'], key: /\/data\// }, gone, { from: 2 })
    run = await bench.lab.run(['backup', '--json'])
  })

  test('is missed, and said to be behind; the backup is whole in the other', async () => {
    expect(run.status, describeRun(run)).toBe(37)
    const { repositories } = jsonOf<BackupResult>(run)
    expect(Object.fromEntries(repositories.map(({ name, state }) => [name, state]))).toEqual({
      [lost]: 'behind',
      [left]: 'whole',
    })
    expectNoSecret(run, bench.ceph, bench.lab)
    await bench.lab.ok(['verify', '--repository', left, jsonOf<BackupResult>(run).id])
  })

  test('holds nothing that is not whole when it is back, and is filled from the other', async () => {
    const { id } = jsonOf<BackupResult>(run)
    expect((await region(lost).keys()).filter(key => key.endsWith(`${id}/backup.json`))).toEqual([])
    await bench.lab.ok(['copy', '--from', left, '--to', lost])
    await bench.lab.ok(['verify', '--repository', lost])
  })
})

test('both regions lost in the midst of a backup: it fails, and neither has a backup that is not whole', async () => {
  const before = await bench.listedIds()
  for (const name of ['main', 'second'] as const)
    region(name).proxy.on({ kind: ['upload-part', 'put'], key: /\/data\// }, gone, { from: 2 })
  const run = await bench.lab.run(['backup', '--json'])
  expect(run.status, describeRun(run)).toBe(31)
  expect(faultOf(run).hint).toMatch(/\.$/)
  await bench.heal()
  expect(await bench.listedIds()).toEqual(before)
})

describe('in the midst of archiving', () => {
  test('segments go to the region that is left, and to the other when it is back', async () => {
    await region('main').proxy.refuse()
    await bench.lab.server.query('INSERT INTO t (n) VALUES (0)')
    const segment = await bench.lab.server.value('SELECT pg_walfile_name(pg_current_wal_insert_lsn())')
    await bench.lab.archiveAll()
    expect(await holds('second', segment)).toBe(true)
    expect(await holds('main', segment)).toBe(false)
    await bench.heal()
    await bench.lab.ok(['copy', '--wal', '--from', 'second', '--to', 'main'])
    expect(await holds('main', segment)).toBe(true)
  })

  test('wal get takes from the region that is left, and tells "not there" from "could not ask"', async () => {
    const path = join(bench.lab.server.root, 'got')
    await region('main').proxy.refuse()
    const found = await bench.lab.run(['wal', 'get', backup.stopWal, path])
    expect(found.status, describeRun(found)).toBe(0)
    expect(readFileSync(path).length).toBe(16 * 2 ** 20)
    const unknown = await bench.lab.run(['wal', 'get', missing, `${path}-2`])
    expect(unknown.status, describeRun(unknown)).toBe(126)
    expect(existsSync(`${path}-2`)).toBe(false)
    await bench.heal()
    const none = await bench.lab.run(['wal', 'get', missing, `${path}-3`])
    expect(none.status, describeRun(none)).toBe(1)
  })
})

function region(name: Name): Region {
  const found = bench.regions[name]
  if (!found) throw new Error(`there is a region ${name}`)
  return found
}

async function holds(name: Name, segment: string): Promise<boolean> {
  return (await region(name).keys()).some(key => key.includes(segment))
}
