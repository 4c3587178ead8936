/**
 * Reading from a bucket, and what goes wrong on the way: restore, verify and list try again until it is well, or end with
 * a clear fault. What comes damaged is noticed, and what comes slowly takes no more memory.
 */
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { watchMemory } from '../bench/memory.ts'
import {
  expectFault,
  expectNoSecret,
  openBucketLab,
  type Aside,
  type BucketLab,
} from './support/bucket-lab.ts'
import type { RequestMatch } from './support/fault-proxy-request.ts'
import type { ProxyFault, RuleOptions } from './support/fault-proxy.ts'
import { describeRun, jsonOf, type Run } from './support/holdfast.ts'
import { randomFrom } from './support/random.ts'

let bench: BucketLab
/** Of the first restore, with which nothing went wrong. */
let expected: string
let count = 0

beforeAll(async () => {
  bench = await openBucketLab({ major: 15, build: 'debian', config: { workers: 2 } })
  await bench.lab.server.query(
    `CREATE TABLE t AS SELECT n, sha512(n::text::bytea) AS a, sha512((-n)::text::bytea) AS b
       FROM generate_series(1, 100000) n`,
  )
  await bench.lab.backup()
  const { run, directory } = await restore(await bench.aside())
  expect(run.status, describeRun(run)).toBe(0)
  expected = hashOf(directory)
})

afterAll(() => bench[Symbol.asyncDispose]())

const get: RequestMatch = { kind: 'get' }
const packs: RequestMatch = { kind: 'get', key: /\/data\// }
const answer = (status: number, code: string): ProxyFault => ({ kind: 'answer', status, code })

describe.concurrent('a restore goes on after', () => {
  test.each<readonly [string, RequestMatch, ProxyFault, RuleOptions]>([
    ['connections that are cut', get, { kind: 'cut' }, { from: 3, times: 3 }],
    ['answers that are cut', packs, { kind: 'cut-response', afterBytes: 50_000 }, { times: 3 }],
    [
      'answers that are too short, and say that they are whole',
      packs,
      { kind: 'truncate-response', toBytes: 9_000 },
      { times: 3 },
    ],
    ['500', get, answer(500, 'InternalError'), { from: 2, times: 3 }],
    ['a burst of 503', get, answer(503, 'SlowDown'), { from: 4, times: 3 }],
  ])('%s', async (_title, match, fault, options) => {
    const aside = await bench.aside()
    const rule = aside.proxy.on(match, fault, options)
    const { run, directory } = await restore(aside)
    expect(run.status, describeRun(run)).toBe(0)
    expect(rule.applied).toBeGreaterThan(0)
    expect(hashOf(directory)).toBe(expected)
  })

  test('faults of all kinds, drawn by a seed, or says what it was', async () => {
    const aside = await bench.aside()
    const random = randomFrom(20_260_302)
    const kinds: readonly ProxyFault[] = [
      { kind: 'cut' },
      { kind: 'cut-response', afterBytes: 1_000 },
      { kind: 'truncate-response', toBytes: 100 },
      answer(500, 'InternalError'),
      answer(503, 'SlowDown'),
    ]
    aside.proxy.on({}, () => random.pick(kinds), { chance: () => random.chance(0.15) })
    const { run, directory } = await restore(aside)
    if (run.status === 0) expect(hashOf(directory)).toBe(expected)
    else expectFault(run, 'STORAGE_UNAVAILABLE', 31, bench)
  })
})

describe.concurrent('a restore ends with a clear fault because of', () => {
  test.each<readonly [string, RequestMatch, ProxyFault, RuleOptions, string, number]>([
    ['a server that is gone in the middle', packs, { kind: 'gone' }, { from: 3 }, 'STORAGE_UNAVAILABLE', 31],
    [
      'credentials that expire in the middle',
      get,
      answer(400, 'ExpiredToken'),
      { from: 5 },
      'STORAGE_CREDENTIALS',
      33,
    ],
    ['a right that is taken', packs, answer(403, 'AccessDenied'), {}, 'STORAGE_DENIED', 30],
    [
      'bodies that are damaged each time',
      packs,
      { kind: 'corrupt-response', atByte: 3_000 },
      {},
      'OBJECT_CORRUPT',
      20,
    ],
    ['a pack that is not there', packs, answer(404, 'NoSuchKey'), {}, 'OBJECT_MISSING', 21],
  ])('%s', async (_title, match, fault, options, code, exit) => {
    const aside = await bench.aside()
    aside.proxy.on(match, fault, options)
    expectFault((await restore(aside)).run, code, exit, bench)
  })
})

describe.concurrent('verify', () => {
  test('says that it could not look, and not that there is damage, when the server is gone', async () => {
    const aside = await bench.aside()
    aside.proxy.on(packs, { kind: 'gone' }, { from: 2 })
    expectFault(await aside.run(['verify', '--json']), 'STORAGE_UNAVAILABLE', 31, bench)
  })

  test('finds what comes damaged', async () => {
    const aside = await bench.aside()
    aside.proxy.on(packs, { kind: 'corrupt-response', atByte: 3_000 })
    const run = await aside.run(['verify', '--json'])
    expect(run.status, describeRun(run)).toBe(25)
    expectNoSecret(run, bench.ceph, bench.lab)
  })

  test('goes on after cut answers, and finds nothing', async () => {
    const aside = await bench.aside()
    aside.proxy.on(packs, { kind: 'cut-response', afterBytes: 20_000 }, { times: 4 })
    const run = await aside.run(['verify', '--json'])
    expect(run.status, describeRun(run)).toBe(0)
  })
})

describe.concurrent('list', () => {
  test.each<readonly [string, ProxyFault, RuleOptions]>([
    ['a cut answer', { kind: 'cut-response', afterBytes: 100 }, { times: 2 }],
    ['500', answer(500, 'InternalError'), { times: 2 }],
    ['an answer that ends too early', { kind: 'truncate-response', toBytes: 120 }, { times: 2 }],
  ])('shows all there is after %s', async (_title, fault, options) => {
    const aside = await bench.aside()
    const rule = aside.proxy.on({ kind: ['list', 'get'] }, fault, options)
    const run = await aside.run(['list', '--json'])
    expect(run.status, describeRun(run)).toBe(0)
    expect(rule.applied).toBeGreaterThan(0)
    expect(jsonOf<readonly unknown[]>(run)).toHaveLength(1)
  })

  test('never shows an empty catalogue for one that it could not read', async () => {
    const aside = await bench.aside()
    aside.proxy.on({ kind: 'list' }, { kind: 'gone' })
    expectFault(await aside.run(['list', '--json']), 'STORAGE_UNAVAILABLE', 31, bench)
  })
})

test('a slow trickle takes time, and no more memory', async () => {
  const aside = await bench.aside()
  aside.proxy.on(packs, { kind: 'trickle', way: 'response', bytesPerSecond: 4_000_000 })
  const running = aside.start(['restore', '--target-dir', target(), '--yes', '--json'])
  const peak = watchMemory({ root: running.child.pid })
  const run = await running.ended
  const { processBytes } = peak()
  expect(run.status, describeRun(run)).toBe(0)
  expect(processBytes).toBeGreaterThan(0)
  expect(processBytes / 2 ** 20).toBeLessThan(512)
})

async function restore(aside: Aside): Promise<{ readonly run: Run; readonly directory: string }> {
  const directory = target()
  return { run: await aside.run(['restore', '--target-dir', directory, '--yes', '--json']), directory }
}

const target = (): string => join(bench.lab.server.root, `restored-${String(++count)}`)

/** Of all files of all databases, and their names. */
function hashOf(directory: string): string {
  const base = join(directory, 'base')
  const hash = createHash('sha256')
  for (const name of readdirSync(base, { recursive: true, encoding: 'utf8' }).toSorted()) {
    const content = tryRead(join(base, name))
    if (content) hash.update(name).update(content)
  }
  return hash.digest('hex')
}

function tryRead(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch {
    return undefined // A folder.
  }
}
