/**
 * Every fault of the way to a bucket for each operation that must not go wrong, where no other file of these tests has it: it
 * is tried again until it is well, or ends with a fault that says what to do. `wal get` never says "does not exist".
 *
 * Elsewhere: cut, lost, corrupted and truncated bodies, 500 and 503, lost puts, expired credentials (object-storage-*.test.ts);
 * answers that never come (object-storage-slow.test.ts); regions that are gone (region-*.test.ts).
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  expectFault,
  expectNoSecret,
  idOf,
  openBucketLab,
  type Aside,
  type BucketLab,
} from './support/bucket-lab.ts'
import type { RequestKind } from './support/fault-proxy-request.ts'
import type { ProxyFault, RuleOptions } from './support/fault-proxy.ts'
import { describeRun, type Run } from './support/holdfast.ts'

type Operation = 'backup' | 'restore' | 'wal push' | 'wal get'

const operations: readonly Operation[] = ['backup', 'restore', 'wal push', 'wal get']
const data = /\/(data|wal)\//

let bench: BucketLab
let stored: string
/** Paths in pg_wal: one for each test that pushes. */
let fresh: string[]
let count = 0

beforeAll(async () => {
  bench = await openBucketLab({
    major: 15,
    build: 'debian',
    walSegmentSizeMb: 1,
    settings: { wal_keep_size: '1GB' },
    config: { workers: 2, wal: { push_ahead: 0, fetch_ahead: false } },
  })
  const { lab } = bench
  // Does not compress: a pack takes several parts.
  await lab.server.query(
    `CREATE TABLE t AS SELECT n, sha512(n::text::bytea) AS a, sha512((-n)::text::bytea) AS b
       FROM generate_series(1, 80000) n`,
  )
  stored = (await lab.backup()).stopWal
  await lab.archiveAll()
  const before = await current()
  // The archiver says that it has them, and they are in no repository.
  lab.server.configure({ archive_command: '/bin/true' })
  await lab.server.query('SELECT pg_reload_conf()')
  for (let n = 0; n < 12; n++) {
    await lab.server.query("SELECT pg_logical_emit_message(false, 'test', 'x')")
    await lab.server.query('SELECT pg_switch_wal()')
  }
  const folder = join(lab.server.dataDirectory, 'pg_wal')
  const last = await current()
  fresh = readdirSync(folder)
    .filter(name => /^[0-9A-F]{24}$/.test(name) && name > before && name < last)
    .toSorted()
    .map(name => join(folder, name))
})

afterAll(() => bench[Symbol.asyncDispose]())

const current = (): Promise<string> =>
  bench.lab.server.value('SELECT pg_walfile_name(pg_current_wal_insert_lsn())')

const path = (): string => join(bench.lab.server.root, `made-${String(++count)}`)

/** Its words, and where it would put what it gets. */
function wordsOf(operation: Operation): { readonly words: readonly string[]; readonly made?: string } {
  const made = path()
  switch (operation) {
    case 'backup':
      return { words: ['backup', '--json'] }
    case 'restore':
      return { words: ['restore', '--target-dir', made, '--yes', '--json'] }
    case 'wal push':
      return { words: ['wal', 'push', fresh.pop() ?? '', '--json'] }
    case 'wal get':
      return { words: ['wal', 'get', stored, made, '--json'], made }
  }
}

async function run(operation: Operation, way: Pick<Aside, 'run'>): Promise<{ run: Run; made?: string }> {
  const { words, made } = wordsOf(operation)
  return { run: await way.run(words), ...(made === undefined ? {} : { made }) }
}

describe.concurrent('goes on after', () => {
  const passing: readonly (readonly [string, Operation, ProxyFault, RuleOptions])[] = [
    ...(['restore', 'wal push', 'wal get'] as const).map(
      operation =>
        [
          'a burst of 429',
          operation,
          { kind: 'answer', status: 429, code: 'TooManyRequests' },
          { times: 3 },
        ] as const,
    ),
    ...(['restore', 'wal get'] as const).map(
      operation => ['a wrong ETag', operation, { kind: 'wrong-etag' }, { times: 1 }] as const,
    ),
    ['a slow trickle', 'wal push', { kind: 'trickle', way: 'request', bytesPerSecond: 2_000 }, { times: 1 }],
    ['a slow trickle', 'wal get', { kind: 'trickle', way: 'response', bytesPerSecond: 2_000 }, { times: 1 }],
  ]

  test.each(passing)('%s: %s', async (_title, operation, fault, options) => {
    const aside = await bench.aside()
    const rule = aside.proxy.on(
      { kind: operation === 'wal push' ? 'put' : ['get', 'head'], key: data },
      fault,
      options,
    )
    const { run: ended, made } = await run(operation, aside)
    expect(ended.status, describeRun(ended)).toBe(0)
    expect(rule.applied).toBeGreaterThan(0)
    if (made !== undefined) expect(existsSync(made)).toBe(true)
    expectNoSecret(ended, bench.ceph, bench.lab)
  })
})

describe.concurrent('ends with a fault that says what to do, because of', () => {
  test.each(operations)('connections that are refused: %s', async operation => {
    const aside = await bench.aside()
    await aside.proxy.refuse()
    await expectUnavailable(operation, aside)
  })

  test.each(['restore', 'wal push'] as const)('a name that does not resolve: %s', async operation => {
    const config = bench.lab.writeRepositoryConfig(`dns-${String(++count)}.yaml`, {
      endpoint: 'http://holdfast.invalid',
    })
    await expectUnavailable(operation, { run: words => bench.lab.run(['--config', config, ...words]) })
  })
})

async function expectUnavailable(operation: Operation, way: Pick<Aside, 'run'>): Promise<void> {
  const { run: ended, made } = await run(operation, way)
  expectFault(ended, 'STORAGE_UNAVAILABLE', operation === 'wal get' ? 126 : 31, bench)
  if (made !== undefined) expect(existsSync(made), 'nothing lies where PostgreSQL would look').toBe(false)
}

describe('a backup that is told wrong ETags', () => {
  beforeAll(async () => {
    bench.lab.server.configure({ archive_command: bench.lab.archiveCommand })
    await bench.lab.server.query('SELECT pg_reload_conf()')
  })

  test('of whole objects goes on, and is whole', async () => {
    const { lab, main } = bench
    const kinds: readonly RequestKind[] = ['put', 'complete-upload', 'head']
    const rules = kinds.map(kind => main.proxy.on({ kind }, { kind: 'wrong-etag' }, { times: 2 }))
    const { run: ended } = await run('backup', lab)
    expect(ended.status, describeRun(ended)).toBe(0)
    expect(rules.map(({ applied }) => applied > 0)).toEqual([true, true, true])
    await bench.heal()
    await lab.ok(['verify', idOf(ended)])
  })

  test('of its parts, by which the server then does not know them, says so, and commits nothing', async () => {
    const before = await bench.listedIds()
    bench.main.proxy.on({ kind: 'upload-part' }, { kind: 'wrong-etag' }, { times: 1 })
    const { run: ended } = await run('backup', bench.lab)
    expectFault(ended, 'STORAGE_UNAVAILABLE', 31, bench)
    await bench.heal()
    expect(await bench.listedIds()).toEqual(before)
  })
})
