import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { countRequests } from '../../test/fakes/counting-storage.ts'
import { backupRecord, putBackupObjects } from '../../test/support/backup-records.ts'
import { Fault } from '../base/fault.ts'
import { simWorld } from '../base/world.ts'
import { openMemoryStorage } from '../storage/drivers/memory.ts'
import { bodyOf, type Storage } from '../storage/storage.ts'
import { faultsAt, withFaults } from '../storage/with-faults.ts'
import { deleteBackupFolder } from './backup-folders.ts'
import { commitBackup, keepAwaitingWal, readCatalog, scanCatalog } from './catalog.ts'
import { indexDeleted, readIndex, rebuildIndex, troublesOfIndex } from './catalog-index.ts'
import { encodeBackupRecord } from './format/backup-json.ts'
import type { BackupRecord } from './format/backup-record.ts'
import type { Repository } from './repository.ts'

const signal = new AbortController().signal
const world = simWorld({ startMs: Date.UTC(2026, 2, 1) })
const identity = {
  cluster: 'gathr',
  systemIdentifier: '7481234567890123456',
  postgresMajor: 15,
  walSegmentSizeBytes: 1 << 24,
}

function setUp(): { storage: Storage; repository: Repository } {
  const storage = openMemoryStorage(world.clock)
  return { storage, repository: { storage, identity, id: 'x' } }
}

/** The `n`th of daily backups. */
function daily(n: number, packs?: number): BackupRecord {
  const at = new Date(Date.UTC(2026, 0, 1 + n, 2)).toISOString()
  const startLsn = `${n.toString(16).toUpperCase()}/28`
  const record = backupRecord({
    id: `${at.slice(0, 19).replaceAll(/[-:]/g, '')}Z-full`,
    startLsn,
    stopLsn: `${n.toString(16).toUpperCase()}/1000000`,
  })
  const [pack] = record.packs
  if (packs === undefined || !pack) return record
  const names = Array.from({ length: packs }, (_, i) => `data/${String(i + 1).padStart(5, '0')}.tar.zst.age`)
  return { ...record, packs: names.map(name => ({ ...pack, name, sizeBytes: name.length })) }
}

async function commit(repository: Repository, record: BackupRecord): Promise<void> {
  await putBackupObjects(repository.storage, record)
  await commitBackup(repository, record, signal)
}

/** As a host does that ends right after the commit. */
async function commitWithoutIndex({ storage }: Repository, record: BackupRecord): Promise<void> {
  await putBackupObjects(storage, record)
  await storage.put(`gathr/backups/${record.id}/backup.json`, bodyOf(encodeBackupRecord(record)), signal)
}

const idsOf = (records: readonly { readonly id: string }[]): string[] => records.map(({ id }) => id)
const listed = async (repository: Repository): Promise<string[]> =>
  idsOf((await readCatalog(repository, signal)).backups)
const indexes = async (storage: Storage): Promise<string[]> =>
  (await Array.fromAsync(storage.list('gathr/catalog/', signal))).map(({ key }) =>
    key.slice('gathr/catalog/'.length),
  )

describe('the index of the catalogue', () => {
  test('makes listing 500 backups of 100 packs cost a handful of requests', async () => {
    const { storage, repository } = setUp()
    const records = Array.from({ length: 500 }, (_, n) => daily(n, 100))
    for (const record of records) await commitWithoutIndex(repository, record)
    await rebuildIndex(repository, signal)
    const counted = countRequests(storage)
    expect(await listed({ ...repository, storage: counted.storage })).toEqual(idsOf(records))
    expect(counted.requests).toEqual({ put: 0, get: 1, list: 3, stat: 0, delete: 0, retain: 0 })

    const scanned = countRequests(storage)
    await scanCatalog({ ...repository, storage: scanned.storage }, signal)
    expect(scanned.total()).toBeGreaterThan(500)
  })

  test('costs a request or two for each backup that is newer, whatever the number of its packs', async () => {
    const { storage, repository } = setUp()
    await commit(repository, daily(0))
    const newer = [daily(1, 3000), daily(2, 3000), daily(3, 2)]
    for (const record of newer) await commitWithoutIndex(repository, record)
    const counted = countRequests(storage)
    expect(await listed({ ...repository, storage: counted.storage })).toEqual(idsOf([daily(0), ...newer]))
    expect(counted.requests).toMatchObject({ get: 4, list: 5 })
  })

  test('is written after each commit, and only the last two are kept', async () => {
    const { storage, repository } = setUp()
    for (let n = 0; n < 5; n++) await commit(repository, daily(n))
    expect(await indexes(storage)).toEqual(['00000004.json', '00000005.json'])
    expect((await readIndex(repository, signal)).index).toMatchObject({ number: 5, through: daily(4).id })
  })

  test('is written seldom when there are many backups, since each is a whole one', async () => {
    const { storage, repository } = setUp()
    for (let n = 0; n < 640; n++) await commitWithoutIndex(repository, daily(n))
    await rebuildIndex(repository, signal)
    for (let n = 640; n < 650; n++) await commit(repository, daily(n))
    expect((await readIndex(repository, signal)).number).toBe(1)
    expect(await listed(repository)).toHaveLength(650)
    await commit(repository, daily(650))
    expect((await readIndex(repository, signal)).number).toBe(2)
    expect(await indexes(storage)).toHaveLength(2)
  })

  test('has a backup that a copy brings later, though it is older', async () => {
    const { repository } = setUp()
    await commit(repository, daily(5))
    await commit(repository, daily(2))
    expect(await listed(repository)).toEqual(idsOf([daily(2), daily(5)]))
  })

  test('tells what is unfinished or damaged for as long as it is, wherever it stands', async () => {
    const { storage, repository } = setUp()
    await putBackupObjects(storage, daily(1))
    await storage.put(`gathr/backups/${daily(2).id}/backup.json`, bodyOf(Buffer.from('{')), signal)
    await commit(repository, daily(3))
    expect((await readIndex(repository, signal)).index?.others).toEqual(idsOf([daily(1), daily(2)]))
    const catalog = await readCatalog(repository, signal)
    expect([idsOf(catalog.incomplete), idsOf(catalog.damaged)]).toEqual([[daily(1).id], [daily(2).id]])
    await commitWithoutIndex(repository, daily(1))
    expect(await listed(repository)).toEqual(idsOf([daily(1), daily(3)]))
  })

  test('has what waits for its WAL, also when a clock went back', async () => {
    const { repository } = setUp()
    await commit(repository, daily(5))
    for (const record of [daily(3), daily(7)]) {
      await putBackupObjects(repository.storage, record)
      await keepAwaitingWal(repository, record, signal)
    }
    expect(idsOf((await readCatalog(repository, signal)).awaiting)).toEqual(idsOf([daily(3), daily(7)]))
  })

  test('may miss an older backup whose host ended at the wrong moment; who looks at everything finds it, and the next ones mend it', async () => {
    const { repository } = setUp()
    await commit(repository, daily(5))
    await commitWithoutIndex(repository, daily(2))
    expect(await listed(repository)).toEqual([daily(5).id])
    const { backups } = await scanCatalog(repository, signal)
    expect(idsOf(backups)).toEqual(idsOf([daily(2), daily(5)]))
    expect((await troublesOfIndex(repository, backups, signal)).notes).toEqual([
      `it does not know the backup ${daily(2).id}`,
    ])
    for (let n = 6; n < 22; n++) await commit(repository, daily(n))
    expect(await listed(repository)).toContain(daily(2).id)
  })

  test('forgets what was deleted', async () => {
    const { repository } = setUp()
    for (let n = 0; n < 3; n++) await commit(repository, daily(n))
    await deleteBackupFolder(repository, daily(1).id, signal)
    expect(await listed(repository)).toEqual(idsOf([daily(0), daily(1), daily(2)]))
    const { backups } = await scanCatalog(repository, signal)
    expect((await troublesOfIndex(repository, backups, signal)).notes).toEqual([
      `it names the backup ${daily(1).id}, which is not there`,
    ])
    await indexDeleted(repository, [daily(1).id], signal)
    expect(await listed(repository)).toEqual(idsOf([daily(0), daily(2)]))
    expect((await troublesOfIndex(repository, backups, signal)).notes).toEqual([])
  })

  test('is not believed when the newest backup was taken away behind its back', async () => {
    const { repository } = setUp()
    for (let n = 0; n < 4; n++) await commit(repository, daily(n))
    for (const n of [1, 3]) await deleteBackupFolder(repository, daily(n).id, signal)
    expect(await listed(repository)).toEqual(idsOf([daily(0), daily(2)]))
    await commit(repository, daily(4))
    expect((await readIndex(repository, signal)).index?.entries.map(({ id }) => id)).toEqual(
      idsOf([daily(0), daily(2), daily(4)]),
    )
  })

  test.each([
    ['is damaged', '{"format":1'],
    ['is of a later format', '{"format":2}'],
    ['was moved here', '{"format":1,"cluster":"other","number":7,"through":null,"backups":[],"others":[]}'],
  ])('costs only time when it %s', async (_, text) => {
    const { storage, repository } = setUp()
    for (let n = 0; n < 3; n++) await commit(repository, daily(n))
    await storage.put('gathr/catalog/00000007.json', bodyOf(Buffer.from(text)), signal)
    expect(await listed(repository)).toEqual(idsOf([daily(0), daily(1), daily(2)]))
    expect((await troublesOfIndex(repository, [], signal)).notes).toEqual([])
    await commit(repository, daily(3))
    expect((await readIndex(repository, signal)).index?.number).toBe(8)
  })

  test('stays where nothing may be deleted, and the newest is found among very many', async () => {
    const { storage, repository } = setUp()
    const denied = new Fault('STORAGE_DENIED', 'no', { hint: 'No.' })
    const locked = { ...storage, delete: () => Promise.reject(denied) }
    for (let n = 0; n < 4; n++) await commit({ ...repository, storage: locked }, daily(n))
    expect(await indexes(storage)).toHaveLength(4)

    const last = (await readIndex(repository, signal)).index
    for (let number = 5; number < 30_000; number++)
      await storage.put(
        `gathr/catalog/${String(number).padStart(8, '0')}.json`,
        bodyOf(Buffer.from('x')),
        signal,
      )
    const text = JSON.stringify({ ...last, number: 30_000 })
    await storage.put('gathr/catalog/00030000.json', bodyOf(Buffer.from(text)), signal)
    const counted = countRequests(storage)
    expect(await listed({ ...repository, storage: counted.storage })).toHaveLength(4)
    expect(counted.requests.list).toBeLessThan(18)
  })

  test('has every backup of writers at the same time', async () => {
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(Array.from({ length: 8 }, (_, n) => n)), async order => {
        const { repository } = setUp()
        const records = order.map(n => daily(n))
        await Promise.all(records.map(record => commit(repository, record)))
        expect(await listed(repository)).toEqual(idsOf(records).sort())
      }),
      { numRuns: 30 },
    )
  })

  test('has what is there when some commit and others delete at the same time', async () => {
    const orders = fc.shuffledSubarray(
      Array.from({ length: 10 }, (_, n) => n),
      { minLength: 10 },
    )
    await fc.assert(
      fc.asyncProperty(orders, fc.nat({ max: 10 }), async (order, goneCount) => {
        const { repository } = setUp()
        for (let n = 0; n < 10; n += 2) await commit(repository, daily(n))
        await Promise.all(
          order.map(async (n, i) => {
            if (n % 2 === 1) return commit(repository, daily(n))
            if (i >= goneCount) return
            await deleteBackupFolder(repository, daily(n).id, signal)
            await indexDeleted(repository, [daily(n).id], signal)
          }),
        )
        const { backups } = await scanCatalog(repository, signal)
        expect(await listed(repository)).toEqual(idsOf(backups))
      }),
      { numRuns: 30 },
    )
  })

  test('never keeps a commit from being one, whatever fails while it is written', async () => {
    for (let step = 1; step <= 20; step++) {
      const { storage, repository } = setUp()
      await commit(repository, daily(0))
      await putBackupObjects(storage, daily(1))
      const shaky = withFaults(storage, faultsAt({ [step]: 'fail' }), world.clock)
      const outcome = await commitBackup({ ...repository, storage: shaky }, daily(1), signal).catch(
        () => 'failed',
      )
      const { backups } = await scanCatalog(repository, signal)
      if (outcome === undefined) expect(idsOf(backups)).toEqual(idsOf([daily(0), daily(1)]))
      expect(await listed(repository)).toEqual(idsOf(backups))
    }
  })
})
