import { beforeEach, describe, expect, test } from 'vitest'
import { silentProgress } from '../../base/progress.ts'
import type { ArchiveRule } from '../../policy/archiving.ts'
import { archiveRepository } from '../../repository/archive-repository.ts'
import { scanCatalog } from '../../repository/catalog.ts'
import { archiveOf } from '../../repository/layout.ts'
import { withFaults } from '../../storage/with-faults.ts'
import type { Storage } from '../../storage/storage.ts'
import {
  labSignal,
  labWorld,
  openMemorySide,
  putBackup,
  segment,
  withRepository,
} from '../../../test/fakes/copy-lab.ts'
import type { MemorySide } from '../../../test/fakes/copy-lab.ts'
import { carryOutArchive, readArchiveContents, type ArchiveDeps } from './archive.ts'

const monthly: ArchiveRule = {
  name: 'monthly',
  every: 'month',
  pick: 'first',
  keep: { years: 50 },
  timeZone: 'UTC',
}
const first = '20260301T020000Z-full'
const child = '20260302T020000Z-incremental'

let side: MemorySide
beforeEach(async () => {
  side = await openMemorySide('main', undefined)
  await putBackup(side, first, [1, 2], { startedAt: '2026-03-01T02:00:00Z', endedAt: '2026-03-01T02:03:00Z' })
  await putBackup(side, child, [4, 5], {
    parent: first,
    startedAt: '2026-03-02T02:00:00Z',
    endedAt: '2026-03-02T02:03:00Z',
  })
})

function depsOf({ repository }: MemorySide, more: Partial<ArchiveDeps> = {}): ArchiveDeps {
  return {
    world: labWorld,
    progress: silentProgress,
    log: { info: () => undefined, warn: () => undefined },
    inside: { repository, archive: archiveRepository(repository), classOf: () => undefined },
    lockMode: undefined,
    storageClass: undefined,
    ...more,
  }
}

const run = (deps: ArchiveDeps, dryRun = false) =>
  carryOutArchive(deps, { kind: 'rule', of: 'backups', rule: monthly }, { dryRun }, labSignal)
const byHand = (deps: ArchiveDeps, id: string) =>
  carryOutArchive(deps, { kind: 'one', id, keep: 'forever', timeZone: 'UTC' }, { dryRun: false }, labSignal)

async function keysIn(storage: Storage, prefix: string): Promise<string[]> {
  return (await Array.fromAsync(storage.list(prefix, labSignal))).map(({ key }) => key)
}

const inArchive = async ({ storage }: MemorySide): Promise<string[]> =>
  (await keysIn(storage, archiveOf('gathr').lies))
    .map(key => key.slice(archiveOf('gathr').lies.length))
    .filter(key => !key.startsWith('leases/'))

describe('the archive', () => {
  test('holds the backup, the WAL that makes it consistent, and until when it is kept; and nothing else', async () => {
    const report = await run(depsOf(side))
    expect(report.problems).toEqual([])
    expect(report.verdicts.map(({ id, what }) => [id, what])).toEqual([
      [first, 'archive'],
      [child, 'left'],
    ])
    const keys = await inArchive(side)
    expect(keys.filter(key => key.startsWith('wal/')).map(key => /([0-9A-F]{24})/.exec(key)?.[1])).toEqual([
      segment(1),
      segment(2),
    ])
    expect(keys.filter(key => key.startsWith(`backups/${first}/`))).toHaveLength(6)
    expect(keys.filter(key => key.includes('kept/'))).toEqual([
      `backups/${first}/kept/20760301T020300Z-monthly.json`,
    ])
    expect(keys.some(key => key.startsWith('catalog/'))).toBe(true)
    expect(keys.some(key => key.includes(child))).toBe(false)
  })

  test('is read as one more repository, also when the originals are gone', async () => {
    await run(depsOf(side))
    const { storage } = side
    const originals = [...(await keysIn(storage, 'gathr/backups/')), ...(await keysIn(storage, 'gathr/wal/'))]
    await storage.delete(originals, labSignal)
    const { items, verdicts } = await readArchiveContents(
      archiveRepository(side.repository),
      Date.now(),
      labSignal,
    )
    expect(items.map(({ id }) => id)).toEqual([first])
    expect(verdicts[0]?.reasons[0]?.text).toBe('kept by monthly until 2076-03-01 02:03:00+00:00')
    // Another backup of that month does not take its place.
    await putBackup(side, '20260310T020000Z-full', [8, 9], { endedAt: '2026-03-10T02:03:00Z' })
    expect((await run(depsOf(side))).objects).toBe(0)
  })

  test('a second run copies nothing, and a dry run neither', async () => {
    const planned = await run(depsOf(side), true)
    expect(planned.verdicts.filter(({ what }) => what === 'archive')).toHaveLength(1)
    expect(await inArchive(side)).toEqual([])
    await run(depsOf(side))
    const before = await inArchive(side)
    expect(await run(depsOf(side))).toMatchObject({ objects: 0, bytes: 0, problems: [] })
    expect(await inArchive(side)).toEqual(before)
  })

  test('takes what an incremental one is based on along', async () => {
    expect((await byHand(depsOf(side), child)).problems).toEqual([])
    const { items, verdicts } = await readArchiveContents(
      archiveRepository(side.repository),
      Date.now(),
      labSignal,
    )
    expect(items.map(({ id }) => id).sort()).toEqual([first, child])
    expect(verdicts.find(({ id }) => id === first)?.reasons[0]?.text).toBe(`${child} is based on it`)
  })

  test('locks what it holds for as long as it is kept, where the repository locks', async () => {
    await run(depsOf(side, { lockMode: 'compliance' }))
    for (const key of (await inArchive(side)).filter(name => !name.startsWith('catalog/'))) {
      const info = await side.storage.stat(archiveOf('gathr').lies + key, labSignal)
      expect([key, info?.retainedUntilMs]).toEqual([key, Date.parse('2076-03-01T02:03:00Z')])
    }
  })

  test('passes over a backup whose WAL is not whole, and says so', async () => {
    const wal = (await keysIn(side.storage, 'gathr/wal/')).find(key => key.includes(segment(2)))
    await side.storage.delete([wal ?? ''], labSignal)
    const { verdicts } = await run(depsOf(side))
    expect(verdicts.every(({ what }) => what === 'left')).toBe(true)
    expect(verdicts[0]?.reason).toContain(`needs WAL segment ${segment(2)}`)
  })

  test('reads and writes where the storage does not copy, and finds an original that is damaged', async () => {
    const { copying: _, ...without } = side.storage
    const plain = await withRepository({ ...side, storage: without })
    expect((await run(depsOf(plain))).problems).toEqual([])
    expect((await scanCatalog(archiveRepository(plain.repository), labSignal)).backups).toHaveLength(1)
  })

  test('does not copy what goes into the cold before the original was read, where nobody vouches for the copy', async () => {
    const key = (await keysIn(side.storage, `gathr/backups/${first}/data/`))[0] ?? ''
    const refusing: Storage = {
      ...side.storage,
      thawing: {
        isCold: () => true,
        state: () => Promise.reject(new Error('not asked')),
        request: () => Promise.resolve(),
      },
      copying: {
        copy: (from, to, unproven, signal) =>
          unproven === 'refuse'
            ? Promise.resolve('refused')
            : side.storage.copying!.copy(from, to, unproven, signal),
      },
    }
    const damaged: Storage = {
      ...refusing,
      async *get(wanted, range, signal) {
        for await (const piece of side.storage.get(wanted, range, signal))
          yield wanted === key ? piece.map(byte => byte ^ 1) : piece
      },
    }
    const bad = await run(depsOf(await withRepository({ ...side, storage: damaged })))
    expect(bad.problems).toMatchObject([{ id: first, code: 'OBJECT_CORRUPT' }])
    expect((await scanCatalog(archiveRepository(side.repository), labSignal)).backups).toEqual([])
    expect((await run(depsOf(await withRepository({ ...side, storage: refusing })))).problems).toEqual([])
  })

  test('goes on where it was cut off, wherever that was', async () => {
    for (let step = 1, isHit = true; isHit; step++) {
      expect(step).toBeLessThan(500)
      isHit = false
      const own = await openMemorySide('main', undefined)
      await putBackup(own, first, [1, 2], {
        startedAt: '2026-03-01T02:00:00Z',
        endedAt: '2026-03-01T02:03:00Z',
      })
      const plan = (count: number) => {
        isHit ||= count === step
        if (count !== step) return undefined
        return step % 2 === 0 ? ('fail' as const) : ('lose-answer' as const)
      }
      const failing = await withRepository({
        ...own,
        storage: withFaults(own.storage, plan, labWorld.clock),
      }).catch(() => undefined)
      if (failing) await run(depsOf(failing)).catch(() => undefined)
      const { backups } = await scanCatalog(archiveRepository(own.repository), labSignal)
      // Whole, or not there: what is told to exist has everything.
      if (backups.length > 0) await expectWhole(own)
      // Its holder is dead.
      await own.storage.delete(await keysIn(own.storage, 'gathr/archive/leases/'), labSignal)
      expect((await run(depsOf(own))).problems).toEqual([])
      await expectWhole(own)
    }
  })
})

async function expectWhole(own: MemorySide): Promise<void> {
  const keys = await inArchive(own)
  expect(keys.filter(key => key.startsWith('wal/'))).toHaveLength(2)
  expect(keys.filter(key => key.startsWith(`backups/${first}/data/`))).toHaveLength(2)
  expect(keys.filter(key => key.includes('kept/'))).toHaveLength(1)
}
