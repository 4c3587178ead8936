/**
 * WAL to and from a bucket, and what goes wrong on the way. `wal get` says "does not exist" (status 1, at which a server
 * ends its recovery) only when the storage itself says so; all else is 126, at which it stops.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  expectFault,
  expectNoSecret,
  openBucketLab,
  type Aside,
  type BucketLab,
} from './support/bucket-lab.ts'
import type { ProxyFault, RuleOptions } from './support/fault-proxy.ts'
import { describeRun, type Run } from './support/holdfast.ts'

let bench: BucketLab
/** In pg_wal, and in the bucket. */
let stored: string
/** In pg_wal, not pushed yet: one for each test that pushes. */
let fresh: string[]
let count = 0

beforeAll(async () => {
  bench = await openBucketLab({
    major: 15,
    build: 'debian',
    walSegmentSizeMb: 4,
    settings: { wal_keep_size: '1GB' },
    config: { wal: { push_ahead: 0, fetch_ahead: false } },
  })
  const { lab } = bench
  await lab.archiveAll()
  lab.server.configure({ archive_command: '' })
  await lab.server.query('SELECT pg_reload_conf()')
  for (let n = 0; n < 20; n++) {
    await lab.server.query(
      'CREATE TABLE IF NOT EXISTS t (n int); INSERT INTO t SELECT generate_series(1, 1000)',
    )
    await lab.server.query('SELECT pg_switch_wal()')
  }
  const current = await lab.server.value('SELECT pg_walfile_name(pg_current_wal_insert_lsn())')
  const names = readdirSync(join(lab.server.dataDirectory, 'pg_wal'))
    .filter(name => /^[0-9A-F]{24}$/.test(name) && name < current)
    .toSorted()
  fresh = names.slice(-18)
  stored = fresh.shift() ?? ''
  await push(stored)
})

afterEach(() => bench.heal())
afterAll(() => bench[Symbol.asyncDispose]())

const once = { times: 1 }
const answer = (status: number, code: string): ProxyFault => ({ kind: 'answer', status, code })

const lossy: readonly (readonly [string, ProxyFault, RuleOptions])[] = [
  ['a connection that is cut', { kind: 'cut' }, once],
  ['a body that is cut', { kind: 'cut-request', afterBytes: 10_000 }, once],
  ['a flipped bit', { kind: 'corrupt-request', atByte: 5_000 }, once],
  ['an answer that is lost', { kind: 'lose-answer' }, once],
  ['a success that was none', { kind: 'lose-put' }, once],
  ['a wrong ETag', { kind: 'wrong-etag' }, once],
  ['500', answer(500, 'InternalError'), { times: 2 }],
  ['503', answer(503, 'SlowDown'), { times: 2 }],
]

describe('wal push stores the segment after', () => {
  test.each(lossy)('%s', async (_title, fault, options) => {
    const name = nextFresh()
    const rule = bench.main.proxy.on({ kind: 'put', key: new RegExp(name) }, fault, options)
    const run = await push(name)
    expect(rule.applied).toBeGreaterThan(0)
    expectNoSecret(run, bench.ceph, bench.lab)
    await bench.heal()
    await expectSame(name)
  })
})

describe.concurrent('wal push fails, says why, and has PostgreSQL try again later, because of', () => {
  test.each([
    ['expired credentials', answer(400, 'ExpiredToken'), 'STORAGE_CREDENTIALS', 33],
    ['a server that is gone', { kind: 'gone' }, 'STORAGE_UNAVAILABLE', 31],
    ['puts that are lost again and again', { kind: 'lose-put' }, 'STORAGE_UNAVAILABLE', 31],
  ] as const)('%s', async (_title, fault, code, exit) => {
    const name = nextFresh()
    const aside = await bench.aside()
    aside.proxy.on({ kind: 'put' }, fault)
    expectFault(await aside.run(['wal', 'push', pathOf(name), '--json']), code, exit, bench)
    expect(await keysOf(name)).toEqual([])
    await push(name)
    await expectSame(name)
  })
})

const reads = { kind: ['get', 'head', 'list'] } as const

describe('wal get brings the segment after', () => {
  test.each([
    ['a connection that is cut', { kind: 'cut' }, { times: 2 }],
    ['an answer that is cut', { kind: 'cut-response', afterBytes: 3_000 }, once],
    [
      'an answer that is too short, and says that it is whole',
      { kind: 'truncate-response', toBytes: 200 },
      once,
    ],
    ['500', answer(500, 'InternalError'), { times: 2 }],
    ['503', answer(503, 'SlowDown'), { times: 2 }],
  ] as const)('%s', async (_title, fault, options) => {
    const rule = bench.main.proxy.on({ kind: 'get', key: /\/wal\// }, fault, options)
    await expectSame(stored)
    expect(rule.applied).toBeGreaterThan(0)
  })
})

describe.concurrent('wal get can not tell, and says so, because of', () => {
  test.each([
    ['a server that is gone', { kind: 'gone' }],
    ['expired credentials', answer(400, 'ExpiredToken')],
    ['a right that is taken', answer(403, 'AccessDenied')],
    ['a bucket that is not there', answer(404, 'NoSuchBucket')],
    ['a proxy that answers 404 for the server', answer(404, 'Welcome')],
    ['bodies that are damaged each time', { kind: 'corrupt-response', atByte: 2_000 }],
    ['answers that are too short each time', { kind: 'truncate-response', toBytes: 100 }],
  ] as const)('%s', async (_title, fault) => {
    const aside = await bench.aside()
    aside.proxy.on({ ...reads, key: /\/wal\/|^$/ }, fault)
    await expectUnknown(stored, aside)
  })

  test('a name that does not resolve', async () => {
    const path = bench.lab.writeRepositoryConfig('dns.yaml', { endpoint: 'http://holdfast.invalid' })
    const run = await bench.lab.run([
      '--config',
      path,
      'wal',
      'get',
      stored,
      join(bench.lab.server.root, 'dns'),
    ])
    expect(run.status, describeRun(run)).toBe(126)
  })

  test('a segment that does not exist, when asking for it is what fails', async () => {
    const aside = await bench.aside()
    aside.proxy.on(reads, answer(500, 'InternalError'), { from: 3 })
    await expectUnknown(missing, aside)
  })
})

const missing = '00000001000000FF000000FF'

test('wal get says that a segment does not exist when the storage says so', async () => {
  const { run, path } = await walGet(missing, bench.lab)
  expect(run.status, describeRun(run)).toBe(1)
  expect(existsSync(path)).toBe(false)
})

function push(name: string): Promise<Run> {
  return bench.lab.ok(['wal', 'push', pathOf(name)])
}

async function expectSame(name: string): Promise<void> {
  const { run, path } = await walGet(name, bench.lab)
  expect(run.status, describeRun(run)).toBe(0)
  expect(readFileSync(path).equals(readFileSync(pathOf(name))), `${name} is what it was`).toBe(true)
}

async function expectUnknown(name: string, way: Pick<Aside, 'run'>): Promise<void> {
  const { run, path } = await walGet(name, way)
  expect(run.status, describeRun(run)).toBe(126)
  expect(existsSync(path), 'nothing lies where PostgreSQL would look').toBe(false)
  expect(run.err).toMatch(/"hint":"[A-Z`]/)
  expectNoSecret(run, bench.ceph, bench.lab)
}

/** Into a new file of the server's root. */
async function walGet(
  name: string,
  way: Pick<Aside, 'run'>,
): Promise<{ readonly run: Run; readonly path: string }> {
  const path = join(bench.lab.server.root, `got-${String(++count)}`)
  return { run: await way.run(['wal', 'get', name, path, '--json']), path }
}

async function keysOf(name: string): Promise<readonly string[]> {
  return (await bench.main.keys()).filter(key => key.includes(name))
}

const pathOf = (name: string): string => join(bench.lab.server.dataDirectory, 'pg_wal', name)

function nextFresh(): string {
  const name = fresh.shift()
  if (name === undefined) throw new Error('no segment is left that was not pushed')
  return name
}
