/** A backup to a bucket, and what goes wrong on the way and passes: it is tried again until it is well, and whole. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { expectNoSecret, idOf, openBucketLab, type BucketLab } from './support/bucket-lab.ts'
import type { RequestMatch } from './support/fault-proxy-request.ts'
import type { ProxyFault, RuleOptions } from './support/fault-proxy.ts'
import { describeRun } from './support/holdfast.ts'

let bench: BucketLab

beforeAll(async () => {
  bench = await openBucketLab({ major: 15, build: 'debian', config: { workers: 2 } })
  // Text that hardly compresses: a pack takes several parts.
  await bench.lab.server.query(
    `CREATE TABLE t AS SELECT n, sha512(n::text::bytea) AS a, sha512((-n)::text::bytea) AS b
       FROM generate_series(1, 100000) n`,
  )
})

afterEach(() => bench.heal())
afterAll(() => bench[Symbol.asyncDispose]())

type Rule = readonly [match: RequestMatch, fault: ProxyFault, options: RuleOptions]

const once = { times: 1 }
const begin = { kind: 'begin-upload' } as const
const part = { kind: 'upload-part' } as const
const complete = { kind: 'complete-upload' } as const
const commit = { kind: 'put', key: /backup\.json$/ } as const
const manifest = { kind: 'put', key: /manifest/ } as const
const answer = (status: number, code: string): ProxyFault => ({ kind: 'answer', status, code })

const passing: readonly (readonly [title: string, rules: readonly Rule[]])[] = [
  [
    'connections that are cut: at once, in the body of a part, in an answer',
    [
      [manifest, { kind: 'cut' }, { times: 2 }],
      [part, { kind: 'cut-request', afterBytes: 100_000 }, once],
      [complete, { kind: 'cut-response', afterBytes: 20 }, once],
    ],
  ],
  [
    'bits that flip on the way, of a part and of the commit',
    [
      [part, { kind: 'corrupt-request', atByte: 70_000 }, once],
      [commit, { kind: 'corrupt-request', atByte: 10 }, once],
    ],
  ],
  [
    'errors of the server, some of which say when to come back',
    [
      [part, answer(500, 'InternalError'), { times: 3 }],
      [complete, { kind: 'answer', status: 503, code: 'SlowDown', retryAfterSeconds: 1 }, { times: 2 }],
      [commit, answer(429, 'TooManyRequests'), once],
    ],
  ],
  [
    'successes that were none: the commit, and a large object, are said to be written and are not there',
    [
      [commit, { kind: 'lose-put' }, once],
      [complete, { kind: 'lose-put' }, once],
    ],
  ],
  [
    'answers that are lost when all was done',
    [
      [begin, { kind: 'lose-answer' }, once],
      [part, { kind: 'lose-answer' }, once],
      [complete, { kind: 'lose-answer' }, once],
      [commit, { kind: 'lose-answer' }, once],
    ],
  ],
]

describe('a backup goes on after', () => {
  test.each(passing)('%s', async (_title, faults) => {
    const rules = faults.map(([match, fault, options]) => bench.main.proxy.on(match, fault, options))
    const run = await bench.lab.run(['backup', '--json'])
    expect(run.status, describeRun(run)).toBe(0)
    expect(rules.map(({ applied }) => applied > 0)).toEqual(rules.map(() => true))
    expectNoSecret(run, bench.ceph, bench.lab)
    await bench.heal()
    expect(await bench.listedIds()).toContain(idOf(run))
  })
})

test('after all that, the next backup is well, and everything that is stored is whole', async () => {
  await bench.lab.backup()
  await bench.lab.ok(['verify'])
})
