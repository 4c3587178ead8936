/** A whole region is lost before or in the midst of a restore: it goes on with the other one, or says what it lacks. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import { expectNoSecret, openBucketLab, type BucketLab, type Region } from './support/bucket-lab.ts'
import { describeRun } from './support/holdfast.ts'
import { faultOf, restoreAndStart, tryRestore } from './support/restored-server.ts'

type Name = 'main' | 'second'

const build = 'debian'
const rows = 100_000
const gone = { kind: 'gone' } as const
const packs = { kind: 'get', key: /\/data\// } as const

let bench: BucketLab
/** In both regions. */
let backup: BackupRecord

beforeAll(async () => {
  const config = { workers: 2, write: 'all', wal: { fetch_ahead: false } }
  bench = await openBucketLab({ major: 15, build, regions: ['main', 'second'], config })
  await bench.lab.server.query(
    `CREATE TABLE t AS SELECT n, sha512(n::text::bytea) AS a, sha512((-n)::text::bytea) AS b
       FROM generate_series(1, ${String(rows)}) n`,
  )
  backup = await bench.lab.backup()
})

afterEach(() => bench.heal())
afterAll(() => bench[Symbol.asyncDispose]())

describe('in the midst of a restore', () => {
  test.each<[Name]>([['main'], ['second']])('%s may go', async lost => {
    region(lost).proxy.on(packs, gone, { from: 3 })
    await using restored = await restoreAndStart(bench.lab, ['--backup', backup.id, '--to-immediate'], {
      build,
    })
    expect(await restored.server.value('SELECT count(*) FROM t')).toBe(String(rows))
    expectNoSecret(restored.run, bench.ceph, bench.lab)
  })

  test('both may not, and that is said', async () => {
    for (const name of ['main', 'second'] as const) region(name).proxy.on(packs, gone, { from: 2 })
    await using restored = await tryRestore(bench.lab, ['--backup', backup.id], { build })
    expect(restored.run.status, describeRun(restored.run)).toBe(31)
    expect(faultOf(restored.run).message).toMatch(/main|second/)
    expectNoSecret(restored.run, bench.ceph, bench.lab)
  })

  test('the first may be lost before it begins: only who leaves it out gets what may be older', async () => {
    await region('main').proxy.refuse()
    const refused = await tryRestore(bench.lab, ['--backup', backup.id], { build })
    await refused[Symbol.asyncDispose]()
    expect(refused.run.status, describeRun(refused.run)).toBe(53)
    expect(faultOf(refused.run).message).toMatch(/^repository main can not be read, and may hold a newer/)
    expect(faultOf(refused.run).hint).toContain('--without main')
    for (const sure of [
      ['--without', 'main'],
      ['--backup', backup.id, '--to-immediate'],
      ['--to-lsn', backup.stopLsn, '--timeline', '1'],
    ]) {
      await using restored = await tryRestore(bench.lab, sure, { build })
      expect(restored.run.status, describeRun(restored.run)).toBe(0)
    }
  })
})

function region(name: Name): Region {
  const found = bench.regions[name]
  if (!found) throw new Error(`there is a region ${name}`)
  return found
}
