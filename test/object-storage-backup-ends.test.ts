/**
 * A backup to a bucket that can not go on: it ends with a fault that says what to do, and commits nothing. The next one
 * works as if nothing had been.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { expectFault, openBucketLab, type BucketLab } from './support/bucket-lab.ts'
import type { RequestMatch } from './support/fault-proxy-request.ts'
import type { ProxyFault, RuleOptions } from './support/fault-proxy.ts'

let bench: BucketLab

beforeAll(async () => {
  bench = await openBucketLab({ major: 15, build: 'debian', config: { workers: 2 } })
  // Text that hardly compresses: a pack takes several parts.
  await bench.lab.server.query(
    `CREATE TABLE t AS SELECT n, sha512(n::text::bytea) AS a, sha512((-n)::text::bytea) AS b
       FROM generate_series(1, 100000) n`,
  )
})

/** What the archiver could not store meanwhile, it has stored: a backup is refused while archiving fails. */
afterEach(async () => {
  await bench.heal()
  await bench.lab.server.query(`SELECT pg_create_restore_point('healed')`)
  await bench.lab.archiveAll()
})
afterAll(() => bench[Symbol.asyncDispose]())

const part = { kind: 'upload-part' } as const
const commit = { kind: 'put', key: /backup\.json$/ } as const
const answer = (status: number, code: string): ProxyFault => ({ kind: 'answer', status, code })

const ending: readonly (readonly [string, RequestMatch, ProxyFault, RuleOptions, string, number])[] = [
  [
    'credentials that expire in the middle',
    {},
    answer(400, 'ExpiredToken'),
    { from: 8 },
    'STORAGE_CREDENTIALS',
    33,
  ],
  [
    'credentials that are withdrawn in the middle',
    {},
    answer(403, 'InvalidAccessKeyId'),
    { from: 8 },
    'STORAGE_CREDENTIALS',
    33,
  ],
  ['a right that is taken', part, answer(403, 'AccessDenied'), {}, 'STORAGE_DENIED', 30],
  ['a server that is gone in the middle', part, { kind: 'gone' }, { from: 2 }, 'STORAGE_UNAVAILABLE', 31],
  ['a quota that is used up', part, answer(403, 'QuotaExceeded'), { from: 2 }, 'STORAGE_FULL', 32],
  ['commits that are lost again and again', commit, { kind: 'lose-put' }, {}, 'STORAGE_UNAVAILABLE', 31],
]

describe('a backup ends with a clear fault, and commits nothing, because of', () => {
  test.each(ending)('%s', async (_title, match, fault, options, code, exit) => {
    const before = await bench.listedIds()
    bench.main.proxy.forget()
    bench.main.proxy.on(match, fault, options)
    const run = await bench.lab.run(['backup', '--json'])
    expectFault(run, code, exit, bench)
    await bench.heal()
    expect(await bench.listedIds()).toEqual(before)
  })

  test('a name that does not resolve', async () => {
    const path = bench.lab.writeRepositoryConfig('dns.yaml', { endpoint: 'http://holdfast.invalid' })
    const run = await bench.lab.run(['--config', path, 'backup', '--json'])
    expectFault(run, 'STORAGE_UNAVAILABLE', 31, bench)
  })
})

test('after all that, the next backup is well, and all that is stored is whole', async () => {
  await bench.lab.backup()
  await bench.lab.ok(['verify'])
})
