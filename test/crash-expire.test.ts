/** `holdfast expire` that is killed in its midst, on a real repository: nothing needed is gone, and the next run finishes. */
import { execFileSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import { seededRandom } from './support/random.ts'
import { keysOf } from './support/repository-files.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { until } from './support/until.ts'

const random = seededRandom('crash of an expiry')
const kills = Array.from({ length: 6 }, (_, index) => index + 1)

let lab: Lab
/** The repository before anything expired. */
let before: string
let all: readonly string[]
/** What is left of it when nobody disturbs the expiry. */
let wanted: readonly string[]
/** The last backup. */
let needed: string
let killedInMidst = 0

/** Without indexes, which count how often they were written. */
const objects = (): readonly string[] =>
  keysOf(lab.repositoryDirectory).filter(key => !key.includes('/dump-catalog/'))

function asBefore(): void {
  rmSync(lab.repositoryDirectory, { recursive: true })
  execFileSync('cp', ['-a', before, lab.repositoryDirectory])
}

beforeAll(async () => {
  const retention = { backups: { last: 1 }, dumps: { last: 1 }, minimum: 1 }
  lab = await openLab({ major: 15, build: 'debian', walSegmentSizeMb: 1, config: { retention } })
  await lab.server.query('CREATE TABLE t AS SELECT n FROM generate_series(1, 5000) n')
  for (let i = 0; i < 4; i++) {
    needed = (await lab.backup()).id
    await lab.server.query('INSERT INTO t SELECT n FROM generate_series(1, 5000) n')
    await lab.archiveAll()
  }
  for (let i = 0; i < 2; i++) await lab.ok(['dump', 'postgres'])
  before = join(lab.server.root, 'before')
  execFileSync('cp', ['-a', lab.repositoryDirectory, before])
  all = objects()
  await lab.ok(['expire', '--yes'])
  wanted = objects()
})

afterAll(() => lab[Symbol.asyncDispose]())

describe('an expiry', () => {
  test('leaves what is needed, and nothing else', async () => {
    const listed = await lab.json<readonly BackupRecord[]>(['list'])
    expect(listed.map(({ id }) => id).filter(id => !id.endsWith('-dump'))).toEqual([needed])
    expect(listed.filter(({ id }) => id.endsWith('-dump'))).toHaveLength(1)
    await lab.ok(['verify'])
  })

  test.each(kills)('killed when some of it is done is finished by the next one: kill %i', async () => {
    asBefore()
    const goneAtLeast = random.integer(1, all.length - wanted.length - 1)
    const isSoFar = (): boolean =>
      all.filter(key => !existsSync(join(lab.repositoryDirectory, key))).length >= goneAtLeast
    const running = lab.start(['expire', '--yes'])
    await Promise.race([until('so much is gone', isSoFar, { everyMs: 1 }), running.ended])
    running.kill('SIGKILL')
    await running.ended

    const left = objects()
    expect(left).toEqual(expect.arrayContaining([...wanted]))
    if (left.length > wanted.length) killedInMidst++
    await lab.ok(['expire', '--yes'])
    expect(objects()).toEqual(wanted)
    await lab.ok(['verify'])
  })

  test('was met in its midst at least once', () => {
    expect(killedInMidst).toBeGreaterThan(0)
  })
})
