/**
 * A backup that is killed, interrupted, or loses its server: nothing that was there is lost, nothing half-made is taken
 * for whole, nothing is blocked, and the server is not left in backup mode.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BackupRecord } from '../src/repository/format/backup-record.ts'
import { describeRun, type Run, type Running } from './support/holdfast.ts'
import { startCopying, whileCopying } from './support/halfway-backup.ts'
import { seededRandom } from './support/random.ts'
import { expectKept, expectWhole, keysOf, objectsOf, stagedFiles } from './support/repository-files.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { faultOf, restoreAndStart } from './support/restored-server.ts'
import { sessionsOf, untilDisconnected } from './support/sessions.ts'
import { until } from './support/until.ts'

const random = seededRandom('crash of a backup')
const kills = Array.from({ length: 12 }, (_, index) => index + 1)
/** How long the next run may take after a crash: far less than a lease lasts. */
const nextRunMsMax = 20_000

let lab: Lab
let wholeRunMs: number

beforeAll(async () => {
  lab = await openLab({ major: 15, build: 'debian', config: { workers: 2 } })
  await lab.server.query('CREATE TABLE t AS SELECT n, md5(n::text) AS text FROM generate_series(1, 200000) n')
  const startedAt = performance.now()
  await lab.backup()
  wholeRunMs = performance.now() - startedAt
})

afterAll(() => lab[Symbol.asyncDispose]())

describe('a backup killed at any moment', () => {
  test.each(kills)(
    'leaves everything as it was and does not stand in the way of the next one: kill %i',
    async () => {
      const before = objectsOf(lab.repositoryDirectory)
      const idsBefore = await listedIds()
      const afterMs = random.next() * wholeRunMs
      const killed = await endAfter(lab.start(['backup', '--json']), 'SIGKILL', afterMs)

      await untilDisconnected(lab.server)
      const after = objectsOf(lab.repositoryDirectory)
      expectKept(before, after)
      expectWhole(
        lab,
        [...after.keys()].filter(key => !before.has(key)),
      )
      const idsAfter = await listedIds()
      // Killed after the commit, before it could say so: then the backup is there, and whole.
      expect(idsAfter.length - idsBefore.length).toBeLessThanOrEqual(1)
      expect(idsAfter.slice(0, idsBefore.length)).toEqual(idsBefore)

      const next = await lab.ok(['backup', '--json'])
      expect(
        next.durationMs,
        `after the kill at ${afterMs.toFixed(0)} ms (${String(killed.status)})`,
      ).toBeLessThan(nextRunMsMax)
    },
  )

  // Chance rarely hits the last steps, which follow one another closely: these are looked for.
  test.each(['data/00001.tar', 'manifest.json', 'backup_manifest', 'backup.json'])(
    'as soon as %s is there, leaves a backup that is whole or none',
    async name => {
      const before = objectsOf(lab.repositoryDirectory)
      const idsBefore = await listedIds()
      const running = lab.start(['backup', '--json'])
      const isThere = (): boolean =>
        keysOf(lab.repositoryDirectory).some(key => !before.has(key) && key.includes(`/${name}`))
      await Promise.race([until(`${name} is there`, isThere, { everyMs: 1 }), running.ended])
      running.kill('SIGKILL')
      await running.ended
      await untilDisconnected(lab.server)

      const after = objectsOf(lab.repositoryDirectory)
      expectKept(before, after)
      const added = [...after.keys()].filter(key => !before.has(key))
      expectWhole(lab, added)
      const ids = await listedIds()
      const isCommitted = added.some(key => key.endsWith('/backup.json'))
      expect(ids).toHaveLength(idsBefore.length + (isCommitted ? 1 : 0))
      if (name === 'backup.json') await lab.ok(['verify', ids.at(-1) ?? ''])
      const next = await lab.ok(['backup', '--json'])
      expect(next.durationMs).toBeLessThan(nextRunMsMax)
    },
  )

  test('has left a repository in which everything is right, and from which the latest point comes back', async () => {
    await lab.server.query('CREATE TABLE last AS SELECT 1 AS one')
    await lab.archiveAll()
    await lab.ok(['verify'])
    await using restored = await restoreAndStart(lab, ['--latest'], { build: 'debian' })
    expect(await restored.server.value('SELECT count(*) FROM t, last')).toBe('200000')
  })

  test('has left nothing of the dead in the staging area', () => {
    expect(stagedFiles(lab.repositoryDirectory)).toEqual([])
  })
})

describe('a backup that is told to stop', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('by %s ends cleanly on the server, with status %i', async (signal, status) => {
    const before = objectsOf(lab.repositoryDirectory)
    const idsBefore = await listedIds()
    const running = await startCopying(lab)
    running.kill(signal)
    const run = await running.ended
    expect(run.status, describeRun(run)).toBe(status)
    expect(faultOf(run).code).toBe('INTERRUPTED')
    await untilDisconnected(lab.server)
    expect(await listedIds()).toEqual(idsBefore)
    expectKept(before, objectsOf(lab.repositoryDirectory))
    expect(stagedFiles(lab.repositoryDirectory), 'nothing half-written is left').toEqual([])
    await lab.backup()
  })
})

describe('a backup that loses its server', () => {
  test('because its connection is cut says so, and commits nothing', async () => {
    const idsBefore = await listedIds()
    const run = await whileCopying(lab, async () => {
      for (const pid of await sessionsOf(lab.server))
        await lab.server.query('SELECT pg_terminate_backend($1)', [pid])
      await untilDisconnected(lab.server)
    })
    expect(run.status, describeRun(run)).toBe(40)
    expect(faultOf(run)).toMatchObject({ code: 'POSTGRES_UNREACHABLE' })
    expect(faultOf(run).hint).toMatch(/\.$/)
    expect(await listedIds()).toEqual(idsBefore)
  })

  test('because the server is stopped says so, and works again when the server does', async () => {
    const idsBefore = await listedIds()
    const run = await whileCopying(lab, () => lab.server.stop('fast'))
    expect(run.status, describeRun(run)).toBe(40)
    expect(faultOf(run)).toMatchObject({ code: 'POSTGRES_UNREACHABLE' })
    expect(await listedIds()).toEqual(idsBefore)
    await lab.server.start()
    await lab.backup()
  })

  test('because the server crashes says so, and works again when the server does', async () => {
    const run = await whileCopying(lab, () => lab.server.kill9())
    expect(run.status, describeRun(run)).toBe(40)
    await lab.server.start()
    await lab.backup()
  })
})

async function listedIds(): Promise<readonly string[]> {
  return (await lab.json<readonly BackupRecord[]>(['list'])).map(({ id }) => id)
}

/** The moment is what is drawn, so a clock decides it; the signal may well come too late. */
async function endAfter(running: Running, signal: NodeJS.Signals, afterMs: number): Promise<Run> {
  await Promise.race([delay(afterMs), running.ended])
  running.kill(signal)
  return running.ended
}
