/** What the ways that are gone all the time ask of a storage: each request costs time and money, and lists the most. */
import { describe, expect, test } from 'vitest'
import { countRequests } from '../../test/fakes/counting-storage.ts'
import { backupRecord, putBackupObjects } from '../../test/support/backup-records.ts'
import { simWorld } from '../base/world.ts'
import { openMemoryStorage } from '../storage/drivers/memory.ts'
import { commitBackup, readCatalog } from './catalog.ts'
import type { WalHead } from './format/wal-head.ts'
import { initRepository, openRepository } from './repository.ts'
import { openWalStore } from './wal-store.ts'

const signal = new AbortController().signal
const world = simWorld({ startMs: Date.UTC(2026, 2, 1) })
const identity = {
  cluster: 'gathr',
  systemIdentifier: '7481234567890123456',
  postgresMajor: 15,
  walSegmentSizeBytes: 1 << 24,
}
const name = '000000010000000000000001'
const head: WalHead = {
  name,
  sizeBytes: 1,
  sha256: '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881',
}

async function setUp() {
  const counted = countRequests(openMemoryStorage(world.clock))
  await initRepository(counted.storage, identity, world, signal)
  const repository = await openRepository(counted.storage, 'gathr', signal)
  const wal = openWalStore(repository, { encoding: { level: 1, recipients: [] }, identities: [] })
  const spent = async (work: () => Promise<unknown>): Promise<Record<string, number>> => {
    const before = { ...counted.requests }
    await work()
    const after = Object.entries(counted.requests).map(
      ([kind, count]) => [kind, count - before[kind as keyof typeof before]] as const,
    )
    return Object.fromEntries(after.filter(([, count]) => count > 0))
  }
  return { storage: counted.storage, repository, wal, spent }
}

const file = {
  name,
  open: async function* () {
    yield Buffer.from('x')
  },
  head: () => head,
}

describe('requests', () => {
  test('of storing and fetching a WAL segment: no list', async () => {
    const { wal, spent } = await setUp()
    expect(await spent(() => wal.put(file, signal))).toEqual({ get: 1, put: 1 })
    expect(await spent(() => wal.get(name, signal))).toEqual({ get: 1 })
    expect(await spent(() => wal.get('000000010000000000000002', signal))).toEqual({ get: 2, stat: 1 })
  })

  test('of opening a repository: two', async () => {
    const { storage, spent } = await setUp()
    expect(await spent(() => openRepository(storage, 'gathr', signal))).toEqual({ get: 2 })
  })

  test('of committing a backup, with its index, and of reading the catalogue: a few, however many there are', async () => {
    const { repository, spent } = await setUp()
    const commit = async (n: number): Promise<Record<string, number>> => {
      const record = backupRecord({ id: `2026030${String(n)}T020000Z-full` })
      await putBackupObjects(repository.storage, record)
      return spent(() => commitBackup(repository, record, signal))
    }
    for (let n = 1; n < 6; n++) await commit(n)
    expect(await commit(6)).toEqual({ put: 2, get: 3, list: 6, delete: 1 })
    expect(await spent(() => readCatalog(repository, signal))).toEqual({ list: 3, get: 1 })
  })
})
