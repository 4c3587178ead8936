import { describe, expect, test } from 'vitest'
import {
  copyDeps,
  damage,
  emptyPlace,
  labSignal as signal,
  openMemorySide,
  putBackup,
  putWal,
  segment,
  withRepository,
  type MemorySide,
} from '../../../test/fakes/copy-lab.ts'
import { putDump } from '../../../test/fakes/stored-dumps.ts'
import { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import { simWorld } from '../../base/world.ts'
import { generateIdentity } from '../../pipeline/age.ts'
import { copyRepository } from '../copy/copy.ts'
import type { Reach } from '../../storage/second-ports.ts'
import type { OwedFacts } from '../wal-push/owed.ts'
import type { StatusPlace } from './facts.ts'
import { readStatus } from './read-status.ts'

const keys = await generateIdentity()
const full = '20260301T020000Z-full'
const later = '20260308T020000Z-full'
/** An hour after the newer backup ended. */
const world = simWorld({ startMs: Date.parse('2026-03-08T03:10:00Z') })
const endedAt = '2026-03-08T02:10:00Z'

describe('status', () => {
  test('says that all is well when every repository has what the first one has', async () => {
    const { main, copy } = await scene()
    const report = await status([placeOf(main), placeOf(copy, { role: 'copy', copyOf: 'main' })])
    expect(report).toMatchObject({ state: 'ok', findings: [] })
    expect(report.repositories).toMatchObject([
      { name: 'main', backups: 2, newestBackup: { id: later, ageSeconds: 3600 }, lag: null },
      { name: 'second', backups: 2, lag: { behind: 'main', backups: [], walFiles: 0, walBytes: 0 } },
    ])
    expect(report.repositories[0]?.newestWal).toEqual({ name: segment(7), lastCommit: null })
  })

  test('counts what a copy lacks, and says what to do about it', async () => {
    const { main, copy } = await scene()
    await putBackup(main, '20260308T023000Z-full', [8, 8], { endedAt: '2026-03-08T02:40:00Z' })
    await putWal(main, [segment(9)])
    const report = await status([placeOf(main), placeOf(copy, { role: 'copy', copyOf: 'main' })])
    expect(report.repositories[1]?.lag).toMatchObject({ backups: ['20260308T023000Z-full'], walFiles: 2 })
    expect(report).toMatchObject({ state: 'warning', findings: [{ repository: 'second', state: 'warning' }] })
    expect(report.findings[0]?.message).toMatch(/behind "main": 1 backup, 2 WAL files/)
    expect(report.findings[0]?.fix).toContain('holdfast copy --to second')
  })

  test('counts the dumps that a copy lacks, also where it has all the rest', async () => {
    const { main, copy } = await scene()
    await putDump(main, '20260308T023000Z-dump')
    const report = await status([placeOf(main), placeOf(copy, { role: 'copy', copyOf: 'main' })])
    expect(report.repositories[1]?.lag).toMatchObject({ backups: [], dumps: ['20260308T023000Z-dump'] })
    expect(report.findings).toMatchObject([
      { repository: 'second', state: 'warning', message: 'it is behind "main": 1 dump' },
    ])
    const also = await status([placeOf(main), placeOf(copy, { role: 'also' })])
    expect(also.findings[0]?.fix).toContain('holdfast copy --from main --to second')
  })

  test('of repositories that are written at once, holds the slower one against the other', async () => {
    const { main, copy } = await scene()
    await putWal(
      copy,
      Array.from({ length: limits.statusLagWarningFiles }, (_, i) => segment(8 + i)),
    )
    const report = await status([placeOf(main), placeOf(copy, { role: 'also' })])
    expect(report.repositories.map(({ lag }) => lag?.walFiles ?? 0)).toEqual([64, 0])
    expect(report.findings).toMatchObject([{ repository: 'main', state: 'warning' }])
  })

  test('a dead repository hides none of the others, and one that hangs keeps nobody waiting', async () => {
    const { main } = await scene()
    const dead = placeOf(main, { name: 'dead', role: 'also', open: () => Promise.reject(gone) })
    const hung = placeOf(main, { name: 'hung', role: 'copy', open: () => new Promise(() => undefined) })
    const report = await status([placeOf(main), dead, hung])
    expect(report.state).toBe('warning')
    expect(report.repositories.map(({ fault }) => fault?.message)).toEqual([
      undefined,
      'it is gone',
      expect.stringContaining('no answer within'),
    ])
    expect(report.findings.map(({ repository }) => repository)).toEqual(['dead', 'hung'])
  })

  test('is critical when the first repository is gone, and unknown when all are', async () => {
    const { main, copy } = await scene()
    const dead = placeOf(main, { open: () => Promise.reject(gone) })
    expect((await status([dead, placeOf(copy, { role: 'copy', copyOf: 'main' })])).state).toBe('critical')
    expect((await status([dead])).state).toBe('unknown')
  })

  test('tells what is owed, and is no more than slow for a minute', async () => {
    const { main, copy } = await scene()
    const places = [placeOf(main), placeOf(copy, { role: 'also' })]
    const owed: OwedFacts = {
      repository: 'second',
      files: 2,
      first: segment(6),
      last: segment(7),
      since: '2026-03-08T03:09:30Z',
      unreachableSince: null,
      lastError: null,
    }
    const told = (more: Partial<OwedFacts>) => status(places, world, [{ ...owed, ...more }])
    expect(await told({})).toMatchObject({
      state: 'ok',
      isOwedKnown: true,
      repositories: [{ owed: null }, { owed: { files: 2, first: segment(6), since: owed.since } }],
    })
    expect(await told({ since: '2026-03-08T03:05:00Z' })).toMatchObject({
      state: 'warning',
      findings: [
        { repository: 'second', message: expect.stringMatching(/^it lacks 2 WAL files \(/) as string },
      ],
    })
    const away = { unreachableSince: '2026-03-08T03:09:50Z', lastError: 'no route to it' }
    expect((await told(away)).findings[0]?.message).toMatch(/since 2026-03-08T03:09:50Z: no route to it$/)
    expect((await told({ since: '2026-03-06T03:05:00Z' })).state).toBe('critical')
    const dead = placeOf(copy, { role: 'also', open: () => Promise.reject(gone) })
    const report = await status([placeOf(main), dead], world, [{ ...owed, ...away }])
    expect(report.findings.map(({ message }) => message)).toEqual([
      'it is gone',
      expect.stringContaining('lacks 2 WAL files'),
    ])
    expect((await status(places)).isOwedKnown).toBe(false)
  })

  test("tells of a storage's clock, and of what is about to end on the way there", async () => {
    const { main } = await scene()
    const reach = (clockAheadMs: number): Reach => ({
      endpoint: () => Promise.resolve(undefined),
      credentialsEnd: () => Promise.resolve({ endMs: world.clock.now() + 60_000, isShortLived: true }),
      clockSkewMs: () => Promise.resolve(clockAheadMs),
    })
    const told = async (clockAheadMs: number): Promise<readonly string[]> => {
      const storage = { ...main.storage, reach: reach(clockAheadMs) }
      const repository = { ...main.repository, storage }
      const open = () => Promise.resolve({ repository })
      const place = placeOf(main, { open, openReach: () => Promise.resolve(storage.reach) })
      const clock = { ...world.clock, sleep: () => new Promise<never>(() => undefined) }
      const { findings } = await readStatus({ world: { clock }, places: [place] }, signal)
      return findings.map(({ code, state, repository }) => `${code} ${repository ?? '-'} ${state}`)
    }
    expect(await told(4_000)).toEqual(['credentials-expire main warning'])
    expect(await told(60_000)).toEqual(['clock-skew main warning', 'credentials-expire main warning'])
  })

  test('finds backups that are old, that are missing, that can not be read, and WAL with holes', async () => {
    const { main } = await scene()
    const old = simWorld({ startMs: Date.parse('2026-03-20T00:00:00Z') })
    expect((await status([placeOf(main)], old)).findings[0]?.message).toContain('old')
    await main.storage.delete([`gathr/wal/00000001/00000016/${segment(6)}.zst.age`], signal)
    await damage(main.storage, `gathr/backups/${full}/backup.json`)
    const hurt = await status([placeOf(main)])
    expect(hurt.findings.map(({ message }) => message).join('\n')).toMatch(/missing|can not be read/)
    expect(await status([placeOf(await openMemorySide('main', keys))])).toMatchObject({
      state: 'critical',
      findings: [{ message: 'there is no backup' }],
    })
  })
})

const gone = new Fault('STORAGE_UNAVAILABLE', 'it is gone', { hint: 'Look for it.' })

function status(
  places: readonly StatusPlace[],
  at = world,
  owed?: readonly OwedFacts[],
): ReturnType<typeof readStatus> {
  const hanging = places.filter(({ name }) => name === 'hung').length
  const clock = { ...at.clock, sleep: untilOnlyThese(hanging, places.length) }
  return readStatus({ world: { clock }, places, readOwed: () => Promise.resolve(owed) }, signal)
}

/** The limit of time is reached when nobody is waited for but those who hang, however busy the machine is. */
function untilOnlyThese(hanging: number, all: number): (ms: number, stop: AbortSignal) => Promise<void> {
  const over = Promise.withResolvers<undefined>()
  let done = 0
  return (_ms, stop) => {
    const ended = Promise.withResolvers<undefined>()
    stop.addEventListener('abort', () => {
      ended.reject(stop.reason as Error)
      if (++done === all - hanging) over.resolve(undefined)
    })
    return Promise.race([ended.promise, over.promise])
  }
}

function placeOf({ name, repository }: MemorySide, more: Partial<StatusPlace> = {}): StatusPlace {
  return {
    name,
    url: `memory:${name}`,
    role: 'first',
    copyOf: undefined,
    open: () => Promise.resolve({ repository, identities: () => Promise.resolve([keys.identity]) }),
    ...more,
  }
}

async function scene(): Promise<{ main: MemorySide; copy: MemorySide }> {
  const main = await openMemorySide('main', keys)
  await putBackup(main, full, [1, 2])
  await putBackup(main, later, [5, 6], { endedAt })
  await putWal(main, [segment(3), segment(4), segment(7)])
  const place = emptyPlace('second', keys)
  const all = { ids: undefined, wal: true, backups: true, dumps: true, dryRun: false }
  await copyRepository(copyDeps(main, place), all, signal)
  return { main, copy: await withRepository(place) }
}
