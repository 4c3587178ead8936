/**
 * A region is lost in the midst of a copy to it, or from it: the copy says what is missing, commits no backup that is not
 * whole, and goes on where it was when the region is back.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { CopyReport } from '../src/operations/copy/report.ts'
import { expectNoSecret, openBucketLab, type BucketLab, type Region } from './support/bucket-lab.ts'
import { describeRun, jsonOf, type Run } from './support/holdfast.ts'

let bench: BucketLab
let second: Region
let config: string

beforeAll(async () => {
  bench = await openBucketLab({
    major: 15,
    build: 'debian',
    regions: ['main', 'second'],
    config: { workers: 2 },
  })
  const { lab, regions } = bench
  if (!regions['second']) throw new Error('there is a second region')
  second = regions['second']
  const { main, second: other } = lab.config.repositories
  config = lab.writeConfig('copy.yaml', { repositories: { main, second: { ...other, copy_of: 'main' } } })
  await lab.server.query(
    `CREATE TABLE t AS SELECT n, sha512(n::text::bytea) AS a, sha512((-n)::text::bytea) AS b
       FROM generate_series(1, 100000) n`,
  )
  await lab.backup()
})

afterEach(() => bench.heal())
afterAll(() => bench[Symbol.asyncDispose]())

const copy = (): Promise<Run> => bench.lab.run(['--config', config, 'copy', '--json'])

const commits = async (): Promise<readonly string[]> =>
  (await second.keys()).filter(key => key.endsWith('/backup.json'))

describe('a copy whose', () => {
  test('source is gone in the middle says so, and commits nothing', async () => {
    bench.main.proxy.on({ kind: 'get', key: /\/data\// }, { kind: 'gone' }, { from: 2 })
    await expectIncomplete(await copy())
  })

  test('target is gone in the middle says so, and commits nothing', async () => {
    second.proxy.on({ kind: ['upload-part', 'put'], key: /\/data\// }, { kind: 'gone' }, { from: 2 })
    await expectIncomplete(await copy())
  })

  test('target damages what it is sent is not fooled by the size', async () => {
    second.proxy.on({ kind: 'upload-part' }, { kind: 'corrupt-request', atByte: 100_000 }, { times: 2 })
    const run = await copy()
    expect(run.status, describeRun(run)).toBe(0)
  })

  test('regions are both well goes on where it was, and is whole', async () => {
    const run = await copy()
    expect(run.status, describeRun(run)).toBe(0)
    await bench.lab.ok(['--config', config, 'verify', '--repository', 'second'])
  })
})

async function expectIncomplete(run: Run): Promise<void> {
  expect([31, 37], describeRun(run)).toContain(run.status)
  expectNoSecret(run, bench.ceph, bench.lab)
  if (run.status === 37) {
    const problems = [jsonOf<CopyReport | readonly CopyReport[]>(run)]
      .flat()
      .flatMap(report => report.problems)
    expect(problems.length).toBeGreaterThan(0)
    for (const { hint } of problems) expect(hint).toMatch(/[.)]$/)
  }
  await bench.heal()
  expect(await commits()).toEqual([])
}
