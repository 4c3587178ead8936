import { beforeEach, describe, expect, test } from 'vitest'
import { backupRecord, putBackupObjects } from '../../../test/support/backup-records.ts'
import { countRequests } from '../../../test/fakes/counting-storage.ts'
import { silentLog } from '../../base/log.ts'
import { silentProgress } from '../../base/progress.ts'
import { day, hour, type KeepSpan } from '../../base/units.ts'
import { simWorld, type World } from '../../base/world.ts'
import { archiveRepository } from '../../repository/archive-repository.ts'
import { commitBackup } from '../../repository/catalog.ts'
import type { BackupRecord } from '../../repository/format/backup-record.ts'
import { writeHold } from '../../repository/holds.ts'
import { walKey } from '../../repository/layout.ts'
import type { Repository } from '../../repository/repository.ts'
import { openMemoryStorage } from '../../storage/drivers/memory.ts'
import { bodyOf, type Storage } from '../../storage/storage.ts'
import { segmentName } from '../../wal/segment.ts'
import { carryOutArchive } from '../archive/archive.ts'
import { extendLocks } from './extend-locks.ts'
import type { LockReport } from './lock-report.ts'

const signal = new AbortController().signal
const startMs = Date.UTC(2026, 2, 1, 2)
const identity = {
  cluster: 'gathr',
  systemIdentifier: '7481234567890123456',
  postgresMajor: 15,
  walSegmentSizeBytes: 1 << 24,
}

let world: World
let storage: Storage
let repository: Repository
beforeEach(() => {
  world = simWorld({ startMs })
  storage = openMemoryStorage(world.clock)
  repository = { storage, identity, id: 'x' }
})

const nameOf = (number: number): string => segmentName({ timeline: 1, number: BigInt(number) }, 1 << 24)
const keyOf = (number: number): string => walKey('gathr', nameOf(number), '.zst')
const lsnOf = (number: number): string => `0/${(number * 0x1000000).toString(16).toUpperCase()}`
/** Until when it is locked, in days since the start. */
const lockOf = async (key: string): Promise<number> => {
  const untilMs = (await storage.stat(key, signal))?.retainedUntilMs ?? startMs
  return Math.round((untilMs - startMs) / (day / 10)) / 10
}

/** A backup at this moment, which needs one segment. */
async function back(segment: number, more: Partial<BackupRecord> = {}): Promise<BackupRecord> {
  await storage.put(keyOf(segment), bodyOf(Buffer.from('x')), signal)
  const iso = new Date(world.clock.now()).toISOString()
  const record = backupRecord({
    id: `${iso.slice(0, 19).replaceAll(/[-:]/g, '')}Z-full`,
    startedAt: iso,
    endedAt: iso,
    startLsn: lsnOf(segment),
    stopLsn: lsnOf(segment + 1),
    startWal: nameOf(segment),
    stopWal: nameOf(segment),
    checks: { pagesChecked: 1, pagesTorn: 0, pagesCorrupt: 0, corrupt: [] },
    ...more,
  })
  await putBackupObjects(storage, record)
  await commitBackup(repository, record, signal)
  return record
}

const untilTold = (_ms: number, stop: AbortSignal): Promise<void> =>
  new Promise(resolve => {
    stop.addEventListener('abort', () => {
      resolve()
    })
  })

describe('an archive', () => {
  const archive = async (id: string, keep: KeepSpan): Promise<void> => {
    const inside = { repository, archive: archiveRepository(repository), classOf: () => undefined }
    // Its lease is renewed by the clock, which must not run meanwhile.
    const clock = { ...world.clock, sleep: untilTold }
    const deps = { world: { ...world, clock }, progress: silentProgress, log: silentLog, inside }
    const order = { kind: 'one', id, keep, timeZone: 'UTC' } as const
    const report = await carryOutArchive(
      { ...deps, lockMode: undefined, storageClass: undefined },
      order,
      { dryRun: false },
      signal,
    )
    expect(report.problems).toEqual([])
  }
  const lockArchive = (where = storage): Promise<LockReport> =>
    extendLocks(
      {
        repository: archiveRepository({ ...repository, storage: where }),
        around: { ...repository, storage: where },
        rules: { mode: 'compliance', retention: 'archive' },
        ...{ world, progress: silentProgress, log: silentLog },
      },
      {},
      signal,
    )
  const archived = (key: string): string => key.replace('gathr/', 'gathr/archive/')

  test('is locked for as long as is noted there, with the notes, what it is based on, and the WAL', async () => {
    const request = 'gathr/erasures/requests/20260301T020000Z-erasure-1f00a2c4/request.json'
    for (const key of ['holdfast.json', request]) await storage.put(key, bodyOf(Buffer.from('x')), signal)
    const full = await back(0)
    await world.clock.sleep(3 * day, signal)
    const id = '20260304T020000Z-incremental'
    await back(60, { id, kind: 'incremental', parent: full.id })
    await archive(id, { days: 100 })
    const report = await lockArchive()
    expect(report.backups.map(({ name, reason }) => [name, reason])).toEqual([
      [full.id, `${id} is based on it`],
      [id, 'kept by hand until 2026-06-12 02:00:00+00:00'],
    ])
    expect(report.wal).toMatchObject([{ name: nameOf(0), last: nameOf(60) }])
    const keys = (await Array.fromAsync(storage.list('gathr/archive/', signal))).map(({ key }) => key)
    for (const key of keys.filter(name => /\/(backups|wal)\//.test(name)))
      expect([key, await lockOf(key)]).toEqual([key, 103])
    expect(keys.filter(key => key.includes('/kept/'))).toHaveLength(1)
    // What a restore from there needs, and lies outside.
    expect([await lockOf('holdfast.json'), await lockOf(request)]).toEqual([153, 153])
    expect(await lockOf(keyOf(60))).toBe(0)
  })

  test('that is to be kept for ever is locked for a month, and again when half of that is over', async () => {
    const { id } = await back(0)
    await archive(id, 'forever')
    // Of what was written within the last hour no note speaks.
    await world.clock.sleep(2 * hour, signal)
    const key = archived(`gathr/backups/${id}/backup.json`)
    expect(await lockArchive()).toMatchObject({ backups: [{ name: id, reason: 'kept by hand for ever' }] })
    expect([await lockOf(key), await lockOf(archived(keyOf(0)))]).toEqual([30.1, 30.1])
    await world.clock.sleep(14 * day, signal)
    const idle = countRequests(storage)
    await lockArchive(idle.storage)
    expect(idle.requests.retain).toBe(0)
    await world.clock.sleep(2 * day, signal)
    await lockArchive()
    expect([await lockOf(key), await lockOf(archived(keyOf(0)))]).toEqual([46.1, 46.1])
  })

  test('is locked for as long as something of it is held', async () => {
    const { id } = await back(0)
    await archive(id, { days: 10 })
    const at = (ms: number): string => new Date(ms).toISOString()
    const hold = { id, held: true, reason: 'case 4711', until: at(startMs + 50 * day) }
    await writeHold(
      archiveRepository(repository),
      { ...hold, by: 'somebody', at: at(startMs), tool: 'test' },
      signal,
    )
    expect((await lockArchive()).backups).toMatchObject([
      { until: hold.until, reason: expect.stringContaining('case 4711') as string },
    ])
    expect(await lockOf(archived(`gathr/backups/${id}/data/00001.tar.zst.age`))).toBe(50)
  })
})
