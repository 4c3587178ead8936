import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { backupRecord, putBackupObjects } from '../../test/support/backup-records.ts'
import { limits } from '../base/limits.ts'
import { day, hour } from '../base/units.ts'
import { simWorld } from '../base/world.ts'
import { openMemoryStorage } from '../storage/drivers/memory.ts'
import { bodyOf, type Storage } from '../storage/storage.ts'
import { faultsAt, withFaults } from '../storage/with-faults.ts'
import { deleteBackupFolder, type BackupFolder } from './backup-folders.ts'
import { commitBackup, keepAwaitingWal, scanCatalog } from './catalog.ts'
import type { Lease } from './lease.ts'
import { acquireLease } from './lease.ts'
import type { Repository } from './repository.ts'
import { planSweep, sweep, type SweepFacts } from './sweep.ts'

const signal = new AbortController().signal
const nowMs = Date.UTC(2026, 2, 10)
const identity = {
  cluster: 'gathr',
  systemIdentifier: '7481',
  postgresMajor: 15,
  walSegmentSizeBytes: 1 << 24,
}

function folder(changes: Partial<BackupFolder> = {}): BackupFolder {
  return {
    id: '20260301T020000Z-full',
    state: 'incomplete',
    hasLeftover: false,
    objectCount: 3,
    sizeBytes: 300,
    modifiedMs: nowMs - 2 * day,
    ...changes,
  }
}
const facts = (changes: Partial<SweepFacts>): SweepFacts => ({
  folders: [],
  ownBackup: undefined,
  otherHolder: undefined,
  nowMs,
  ...changes,
})

describe('the plan of a sweep', () => {
  test('removes what has no backup.json and was not touched for the grace period', () => {
    const plan = planSweep(facts({ folders: [folder()] }))
    expect(plan).toMatchObject({
      remove: [{ reason: 'it has no backup.json, untouched for 2d 00h' }],
      keep: [],
    })
  })

  test('keeps what is younger than the grace period', () => {
    const plan = planSweep(facts({ folders: [folder({ modifiedMs: nowMs - hour })] }))
    expect(plan).toMatchObject({
      remove: [],
      keep: [{ reason: expect.stringContaining('less than the grace') as string }],
    })
  })

  test('gives a backup that awaits its WAL a longer grace', () => {
    const awaiting = folder({ state: 'awaiting' })
    expect(planSweep(facts({ folders: [awaiting] })).remove).toEqual([])
    const old = { ...awaiting, modifiedMs: nowMs - limits.sweepAwaitingGraceMs - 1 }
    expect(planSweep(facts({ folders: [old] })).remove).toMatchObject([
      { reason: expect.stringContaining('its WAL never arrived') as string },
    ])
  })

  test('keeps everything while somebody else holds the backup lease, and always the backup being made', () => {
    const old = folder({ modifiedMs: 0 })
    expect(planSweep(facts({ folders: [old], otherHolder: 'process 1 on db1' })).keep).toMatchObject([
      { reason: 'a backup may be under way: process 1 on db1' },
    ])
    expect(planSweep(facts({ folders: [old], ownBackup: old.id })).keep).toMatchObject([
      { reason: 'it is the backup being made' },
    ])
  })

  test('never removes a committed backup, never anything within its grace, and judges each folder once', () => {
    const folders = fc.array(
      fc.record({
        id: fc.constantFrom('20260301T020000Z-full', '20260302T020000Z-full'),
        state: fc.constantFrom('committed' as const, 'awaiting' as const, 'incomplete' as const),
        hasLeftover: fc.boolean(),
        objectCount: fc.nat(),
        sizeBytes: fc.nat(),
        modifiedMs: fc.integer({ min: nowMs - 20 * day, max: nowMs + day }),
      }),
    )
    const holders = fc.record({
      ownBackup: fc.option(fc.constant('20260301T020000Z-full'), { nil: undefined }),
      otherHolder: fc.option(fc.constant('somebody'), { nil: undefined }),
    })
    fc.assert(
      fc.property(folders, holders, (given, holder) => {
        const { remove, keep } = planSweep(facts({ folders: given, ...holder }))
        expect([...remove, ...keep]).toHaveLength(given.filter(({ state }) => state !== 'committed').length)
        for (const { folder: gone } of remove) {
          expect(gone.state).not.toBe('committed')
          expect(nowMs - gone.modifiedMs).toBeGreaterThan(limits.sweepGraceMs)
          expect(holder.otherHolder).toBeUndefined()
          expect(gone.id).not.toBe(holder.ownBackup)
        }
      }),
    )
  })
})

describe('a sweep', () => {
  const setUp = async () => {
    const world = simWorld({ startMs: nowMs - 30 * day })
    const storage = openMemoryStorage(world.clock)
    const repository: Repository = { storage, identity, id: 'x' }
    const [good, left] = [backupRecord(), backupRecord({ id: '20260215T020000Z-full' })]
    await putBackupObjects(storage, left)
    await putBackupObjects(storage, good)
    await commitBackup(repository, good, signal)
    await world.clock.sleep(30 * day, signal)
    return { world, storage, repository, good, left }
  }
  const heldLease: Lease = {
    name: 'backup',
    lost: new AbortController().signal,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
  const idsIn = async (storage: Storage) =>
    new Set(
      (await Array.fromAsync(storage.list('gathr/backups/', signal))).map(({ key }) => key.split('/')[2]),
    )

  test('removes the folder and nothing else; a dry run only says so', async () => {
    const { world, storage, repository, good, left } = await setUp()
    const planned = await sweep(repository, { lease: undefined, dryRun: true }, world, signal)
    expect(planned.remove.map(({ folder: { id } }) => id)).toEqual([left.id])
    expect(await idsIn(storage)).toEqual(new Set([good.id, left.id]))
    expect(await sweep(repository, { lease: heldLease, dryRun: false }, world, signal)).toEqual(planned)
    expect(await idsIn(storage)).toEqual(new Set([good.id]))
  })

  test('without the lease is refused, and a dry run tells that a backup may be under way', async () => {
    const { world, repository } = await setUp()
    await expect(sweep(repository, { lease: undefined, dryRun: false }, world, signal)).rejects.toThrow(
      'holds the backup lease',
    )
    const owner = { host: 'db1', pid: 1, startTicks: '1', bootId: 'b', pidNamespace: 'n' }
    const sleeper = { ...world, clock: { ...world.clock, sleep: () => new Promise<never>(() => undefined) } }
    await acquireLease(repository, 'backup', owner, sleeper, signal)
    expect((await sweep(repository, { lease: undefined, dryRun: true }, world, signal)).remove).toEqual([])
  })

  test('stops when its lease is lost', async () => {
    const { world, storage, repository, good, left } = await setUp()
    const lost = AbortSignal.abort(new Error('lost'))
    await expect(
      sweep(repository, { lease: { ...heldLease, lost }, dryRun: false }, world, signal),
    ).rejects.toThrow('lost')
    expect(await idsIn(storage)).toEqual(new Set([good.id, left.id]))
  })

  test('removes an awaiting-wal.json that a cut-off commit left beside backup.json, and keeps the backup', async () => {
    const { world, storage, repository, good } = await setUp()
    await keepAwaitingWal(repository, good, signal)
    const everywhere = { lease: heldLease, dryRun: false, everywhere: true }
    expect((await sweep(repository, everywhere, world, signal)).leftovers).toEqual([good.id])
    expect(await storage.stat(`gathr/backups/${good.id}/awaiting-wal.json`, signal)).toBeUndefined()
    expect((await scanCatalog(repository, signal)).backups).toEqual([good])
  })

  test('keeps what a lock protects, says so, and removes the rest', async () => {
    const { world, storage, repository, good, left } = await setUp()
    const other = backupRecord({ id: '20260216T020000Z-full' })
    await putBackupObjects(storage, other)
    await storage.retain(
      `gathr/backups/${left.id}/data/00001.tar.zst.age`,
      { mode: 'compliance', untilMs: nowMs + 40 * day },
      signal,
    )
    await world.clock.sleep(2 * day, signal)
    const everywhere = { lease: heldLease, dryRun: false, everywhere: true }
    const { remove, keep } = await sweep(repository, everywhere, world, signal)
    expect(remove.map(({ folder: { id } }) => id)).toEqual([other.id])
    expect(keep).toMatchObject([
      { folder: { id: left.id }, reason: expect.stringContaining('is locked until') as string },
    ])
    expect(await idsIn(storage)).toEqual(new Set([good.id, left.id]))
  })

  test('looks only at what the index does not know as backups, unless it is told to look everywhere', async () => {
    const { world, storage, repository, left } = await setUp()
    const early = backupRecord({ id: '20260101T020000Z-full' })
    await putBackupObjects(storage, early)
    await world.clock.sleep(2 * day, signal)
    const idsOf = async (everywhere: boolean) =>
      (await sweep(repository, { lease: undefined, dryRun: true, everywhere }, world, signal)).remove.map(
        ({ folder: { id } }) => id,
      )
    expect(await idsOf(false)).toEqual([left.id])
    expect(await idsOf(true)).toEqual([early.id, left.id])
  })

  test('cut off anywhere leaves something that the next one removes', async () => {
    for (let step = 1; step <= 30; step++) {
      const { world, storage, repository, good } = await setUp()
      const shaky = withFaults(
        storage,
        faultsAt({ [step]: step % 2 === 0 ? 'fail' : 'lose-answer' }),
        world.clock,
      )
      await sweep(
        { ...repository, storage: shaky },
        { lease: heldLease, dryRun: false },
        world,
        signal,
      ).catch(() => undefined)
      await sweep(repository, { lease: heldLease, dryRun: false }, world, signal)
      expect(await idsIn(storage)).toEqual(new Set([good.id]))
    }
  })
})

test('deleting a backup never leaves one that looks whole: its commit goes first, packs last', async () => {
  const storage = openMemoryStorage(simWorld().clock)
  const record = backupRecord()
  const repository: Repository = { storage, identity, id: 'x' }
  await putBackupObjects(storage, record)
  await commitBackup(repository, record, signal)
  await storage.put(`gathr/backups/${record.id}/awaiting-wal.json`, bodyOf(Buffer.from('x')), signal)
  const order: string[] = []
  const watched: Storage = {
    ...storage,
    async delete(keys, stop) {
      order.push(...keys.map(key => key.split('/').slice(3).join('/')))
      await storage.delete(keys, stop)
    },
  }
  await deleteBackupFolder({ ...repository, storage: watched }, record.id, signal)
  expect(order).toEqual([
    'awaiting-wal.json',
    'backup.json',
    'backup_manifest.zst.age',
    'manifest.json.zst.age',
    'data/00001.tar.zst.age',
    'data/00002.tar.zst.age',
  ])
})
