/**
 * A server that takes a request and never answers, and one that takes bytes drop by drop. Everything has a limit of time,
 * after which it is tried again; and what waits takes no more memory.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { watchMemory } from '../bench/memory.ts'
import { limits } from '../src/base/limits.ts'
import { openBucketLab, type BucketLab } from './support/bucket-lab.ts'
import { describeRun, type Run } from './support/holdfast.ts'

let bench: BucketLab
let segment: string

beforeAll(async () => {
  const config = { workers: 2, wal: { fetch_ahead: false, push_ahead: 0 } }
  bench = await openBucketLab({
    major: 15,
    build: 'debian',
    settings: { wal_keep_size: '512MB' },
    config,
  })
  await bench.lab.server.query(
    `CREATE TABLE t AS SELECT n, sha512(n::text::bytea) AS a, sha512((-n)::text::bytea) AS b
       FROM generate_series(1, 100000) n`,
  )
  segment = (await bench.lab.backup()).stopWal
})

afterAll(() => bench[Symbol.asyncDispose]())

/** At the same time: each waits once for as long as a silent server is waited for. */
describe.concurrent('one answer that never comes is given up, and asked for again, by', () => {
  test('wal get', async () => {
    const aside = await bench.aside()
    const rule = aside.proxy.on({ kind: 'get', key: /\/wal\// }, { kind: 'silence' }, { times: 1 })
    const path = join(bench.lab.server.root, 'got')
    expectLate(await aside.run(['wal', 'get', segment, path]))
    expect(rule.applied).toBe(1)
    expect(existsSync(path)).toBe(true)
  })

  test('wal push', async () => {
    const aside = await bench.aside()
    const rule = aside.proxy.on(
      { kind: ['put', 'get', 'head'], key: /\/wal\// },
      { kind: 'silence' },
      { times: 1 },
    )
    expectLate(await aside.run(['wal', 'push', join(bench.lab.server.dataDirectory, 'pg_wal', segment)]))
    expect(rule.applied).toBe(1)
  })

  test('a restore', async () => {
    const aside = await bench.aside()
    aside.proxy.on({ kind: 'get', key: /\/data\// }, { kind: 'silence' }, { times: 2 })
    const target = join(bench.lab.server.root, 'restored')
    expectLate(await aside.run(['restore', '--target-dir', target, '--yes']))
  })

  test('a backup', async () => {
    const aside = await bench.aside()
    aside.proxy.on({ kind: 'upload-part' }, { kind: 'silence' }, { times: 1 })
    expectLate(await aside.run(['backup']))
  })

  test('list', async () => {
    const aside = await bench.aside()
    aside.proxy.on({ kind: 'list' }, { kind: 'silence' }, { times: 1 })
    expectLate(await aside.run(['list']))
  })
})

test('a backup whose bytes are taken slowly takes no more memory for it', async () => {
  const aside = await bench.aside()
  aside.proxy.on({ kind: 'upload-part' }, { kind: 'trickle', way: 'request', bytesPerSecond: 4_000_000 })
  const running = aside.start(['backup'])
  const peak = watchMemory({ root: running.child.pid })
  const run = await running.ended
  expect(run.status, describeRun(run)).toBe(0)
  const mib = peak().processBytes / 2 ** 20
  expect(mib).toBeGreaterThan(0)
  expect(mib).toBeLessThan(512)
})

function expectLate(run: Run): void {
  expect(run.status, describeRun(run)).toBe(0)
  expect(run.durationMs).toBeGreaterThan(limits.objectSilenceMsMax)
}
