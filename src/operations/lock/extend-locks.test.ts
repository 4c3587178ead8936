import { beforeEach, describe, expect, test } from 'vitest'
import { countRequests } from '../../../test/fakes/counting-storage.ts'
import { backupRecord, putBackupObjects } from '../../../test/support/backup-records.ts'
import { putDump } from '../../../test/fakes/stored-dumps.ts'
import { Fault, isFault } from '../../base/fault.ts'
import { silentLog } from '../../base/log.ts'
import { silentProgress } from '../../base/progress.ts'
import { day, hour } from '../../base/units.ts'
import { simWorld, type World } from '../../base/world.ts'
import type { RetentionRules } from '../../policy/retention.ts'
import { commitBackup } from '../../repository/catalog.ts'
import type { BackupRecord } from '../../repository/format/backup-record.ts'
import { walKey } from '../../repository/layout.ts'
import type { Repository } from '../../repository/repository.ts'
import { openMemoryStorage } from '../../storage/drivers/memory.ts'
import { bodyOf, type Storage } from '../../storage/storage.ts'
import { segmentName } from '../../wal/segment.ts'
import { extendLocks, type LockOptions } from './extend-locks.ts'
import type { LockReport } from './lock-report.ts'

const signal = new AbortController().signal
const startMs = Date.UTC(2026, 2, 1, 2)
const identity = {
  cluster: 'gathr',
  systemIdentifier: '7481234567890123456',
  postgresMajor: 15,
  walSegmentSizeBytes: 1 << 24,
}
const segmentsADay = 20

let world: World
let storage: Storage
let repository: Repository
beforeEach(() => {
  world = simWorld({ startMs })
  storage = openMemoryStorage(world.clock)
  repository = { storage, identity, id: 'x' }
})

const run = (
  rules: Partial<RetentionRules>,
  options: LockOptions = {},
  where: Storage = storage,
): Promise<LockReport> =>
  lock({ ...repository, storage: where }, { minimum: 1, timeZone: 'UTC', ...rules }, options)

const lock = (
  where: Repository,
  retention: RetentionRules | 'archive',
  options: LockOptions = {},
): Promise<LockReport> => {
  const rules = { mode: 'compliance', retention } as const
  const deps = { repository: where, rules, world, progress: silentProgress, log: silentLog }
  return extendLocks(deps, options, signal)
}

test('dumps are locked for as long as their own rules keep them, and the note says so', async () => {
  const side = { name: 'main', repository, storage, recipients: [], identities: [] }
  const at = (ms: number) => new Date(ms).toISOString()
  const id = '20260228T030000Z-dump'
  await putDump(side, id, { startedAt: at(startMs - 1 * day), endedAt: at(startMs - 1 * day) })
  const rules = { withinMs: 5 * day, dumps: { withinMs: 10 * day } }
  const report = await run(rules)
  expect(report.dumps).toMatchObject([{ name: id, until: at(startMs + 9 * day) }])
  for await (const { key } of storage.list('gathr/dumps/', signal)) {
    const deleting = storage.delete([key], signal)
    await expect(deleting, key).rejects.toSatisfy(error => isFault(error, 'OBJECT_LOCKED'))
  }
  const again = countRequests(storage)
  expect((await run(rules, {}, again.storage)).extended).toBe(0)
  expect(again.requests.retain).toBe(0)
  // Nothing is said of dumps: they are kept for ever, and locked for a day at each run.
  expect((await run({ withinMs: 5 * day }, { everything: true })).dumps).toMatchObject([
    { name: id, until: at(startMs + 1 * day) },
  ])
})

test('requests to forget are locked as long as anything that they would have to be applied to', async () => {
  const name = 'requests/20260301T020000Z-erasure-1f00a2c4/request.json'
  const put = (key: string) => storage.put(`gathr/erasures/${key}`, bodyOf(Buffer.from('x')), signal)
  await put(name)
  // Nothing is kept yet that needs it.
  await run({ withinMs: 10 * day })
  expect(await lockOf(`gathr/erasures/${name}`)).toBe(0)
  await back(1)
  await run({ withinMs: 10 * day })
  expect(await lockOf(`gathr/erasures/${name}`)).toBe(15)
  await put('applied/20260301T030000Z-00000001.json')
  const next = countRequests(storage)
  await run({ withinMs: 10 * day }, {}, next.storage)
  // The new one, and no other once more.
  expect(next.requests.retain).toBe(1)
  expect(await lockOf('gathr/erasures/applied/20260301T030000Z-00000001.json')).toBe(15)
  await run({ withinMs: 20 * day })
  expect(await lockOf(`gathr/erasures/${name}`)).toBe(30)
})

test('what a run that was cut off did not lock is locked by the next', async () => {
  const key = 'gathr/erasures/requests/20260301T020000Z-erasure-1f00a2c4/request.json'
  await storage.put(key, bodyOf(Buffer.from('x')), signal)
  await back(1)
  const away = new Fault('STORAGE_UNAVAILABLE', 'no answer', { hint: '' })
  const retain: Storage['retain'] = (one, ...more) =>
    one === key ? Promise.reject(away) : storage.retain(one, ...more)
  await expect(run({ withinMs: 10 * day }, {}, { ...storage, retain })).rejects.toBe(away)
  await run({ withinMs: 10 * day })
  expect(await lockOf(key)).toBe(15)
})

const nameOf = (number: number, timeline = 1): string =>
  segmentName({ timeline, number: BigInt(number) }, identity.walSegmentSizeBytes)
const keyOf = (number: number, timeline = 1): string => walKey('gathr', nameOf(number, timeline), '.zst')
const lsnOf = (number: number): string =>
  `${(number >> 8).toString(16).toUpperCase()}/${((number & 0xff) * 0x1000000).toString(16).toUpperCase()}`
const push = (number: number): Promise<unknown> =>
  storage.put(keyOf(number), bodyOf(Buffer.from('x')), signal)
const days = (ms: number | undefined): number => Math.round(((ms ?? startMs) - startMs) / (day / 10)) / 10
/** Until when it is locked, in days since the start. */
const lockOf = async (key: string): Promise<number> =>
  days((await storage.stat(key, signal))?.retainedUntilMs)
const backupLock = (record: BackupRecord): Promise<number> =>
  lockOf(`gathr/backups/${record.id}/data/00001.tar.zst.age`)

/** A backup at this moment, whose WAL begins with the segment `first`. */
async function back(first: number, more: Partial<BackupRecord> = {}): Promise<BackupRecord> {
  const iso = new Date(world.clock.now()).toISOString()
  const record = backupRecord({
    id: `${iso.slice(0, 19).replaceAll(/[-:]/g, '')}Z-full`,
    startedAt: iso,
    endedAt: iso,
    startLsn: lsnOf(first),
    stopLsn: lsnOf(first + 1),
    startWal: nameOf(first),
    stopWal: nameOf(first),
    checks: { pagesChecked: 1, pagesTorn: 0, pagesCorrupt: 0, corrupt: [] },
    ...more,
  })
  await putBackupObjects(storage, record)
  await commitBackup(repository, record, signal)
  return record
}

/** So many days with a backup at the beginning of each; the locks are extended right after it. */
async function live(count: number, rules: Partial<RetentionRules>, from = 0): Promise<BackupRecord[]> {
  const records: BackupRecord[] = []
  for (let n = from; n < from + count; n++) {
    await push(n * segmentsADay)
    records.push(await back(n * segmentsADay))
    await run(rules)
    for (let i = 1; i < segmentsADay; i++) {
      await world.clock.sleep(day / segmentsADay, signal)
      await push(n * segmentsADay + i)
    }
    await world.clock.sleep(day / segmentsADay, signal)
  }
  return records
}

describe('locks', () => {
  test('are set on all that a kept backup is made of, and on what everything needs', async () => {
    await push(5)
    await storage.put('gathr/wal/00000002.history.zst', bodyOf(Buffer.from('x')), signal)
    for (const key of ['holdfast.json', 'gathr/cluster.json'])
      await storage.put(key, bodyOf(Buffer.from('x')), signal)
    const record = await back(5)
    const report = await run({ withinMs: 30 * day })
    expect(report).toMatchObject({
      mode: 'compliance',
      extended: 9,
      backups: [{ name: record.id, until: '2026-03-31T02:00:00.000Z', reason: 'younger than 30d 00h' }],
      wal: [
        {
          name: nameOf(5),
          last: nameOf(5),
          until: '2026-03-31T02:00:00.000Z',
          reason: `needed by ${record.id}`,
        },
      ],
    })
    const names = [
      'backup.json',
      'manifest.json.zst.age',
      'backup_manifest.zst.age',
      'data/00001.tar.zst.age',
      'data/00002.tar.zst.age',
    ]
    for (const name of names) expect(await lockOf(`gathr/backups/${record.id}/${name}`)).toBe(30)
    expect(await lockOf(keyOf(5))).toBe(30)
    for (const key of ['holdfast.json', 'gathr/cluster.json', 'gathr/wal/00000002.history.zst'])
      expect(await lockOf(key)).toBe(45)
    await expect(storage.delete([keyOf(5)], signal)).rejects.toSatisfy(error =>
      isFault(error, 'OBJECT_LOCKED'),
    )
    await world.clock.sleep(31 * day, signal)
    await storage.delete([keyOf(5)], signal)
  })

  test('reach along the chain', async () => {
    const full = await back(0)
    await world.clock.sleep(3 * day, signal)
    const id = '20260304T020000Z-incremental'
    await back(60, { id, kind: 'incremental', parent: full.id })
    const { backups } = await run({ withinMs: 7 * day })
    expect(backups.map(({ name, until, reason }) => [name, until.slice(0, 10), reason])).toEqual([
      [full.id, '2026-03-11', `${id} is based on it`],
      [id, '2026-03-11', 'younger than 7d 00h'],
    ])
    expect(await backupLock(full)).toBe(10)
  })

  test('are extended when a backup turns out to be the one of its month', async () => {
    const [first] = await live(1, { daily: 3, monthly: 6 }, 0)
    if (!first) throw new Error('there is one')
    await world.clock.sleep(29 * day, signal)
    const last = (await live(3, { daily: 3, monthly: 6 }, 30))[0]
    if (!last) throw new Error('there is one')
    expect(
      new Date(
        (await storage.stat(`gathr/backups/${last.id}/backup.json`, signal))?.retainedUntilMs ?? 0,
      ).toISOString(),
    ).toBe('2026-09-01T00:00:00.000Z')
  })

  test('protect the WAL of the window, until the next backup is as old as it', async () => {
    await live(10, { withinMs: 9 * day, walMs: 4 * day })
    // Written on the second day; the backup of the third is four days old on the sixth.
    expect(await lockOf(keyOf(1 * segmentsADay + 5))).toBe(6)
    // What was written since the last run is locked as it is written; that is the storage's to do.
    expect(await lockOf(keyOf(9 * segmentsADay + 5))).toBe(0)
    // Needed by the backup of the tenth day for as long as that is kept.
    expect(await lockOf(keyOf(9 * segmentsADay))).toBe(18)
  })

  test('cost each segment one or two requests in its life, and a run of a day that of its own WAL', async () => {
    const counted = countRequests(storage)
    repository = { ...repository, storage: counted.storage }
    storage = counted.storage
    await live(30, { withinMs: 14 * day, walMs: 7 * day })
    const before = { ...counted.requests }
    await push(30 * segmentsADay)
    await back(30 * segmentsADay)
    const backupOnly = counted.requests.list - before.list
    await run({ withinMs: 14 * day, walMs: 7 * day })
    expect(counted.requests.retain - before.retain).toBeLessThan(40)
    // One of them lists what is held, and one the requests to forget.
    expect(counted.requests.list - before.list - backupOnly).toBeLessThan(12)
    expect(counted.requests.retain / (30 * segmentsADay)).toBeLessThan(2)
  })

  test('take nothing when nothing is due', async () => {
    await live(5, { withinMs: 30 * day })
    await run({ withinMs: 30 * day })
    const counted = countRequests(storage)
    const report = await run({ withinMs: 30 * day }, {}, counted.storage)
    expect(report.extended).toBeLessThanOrEqual(2)
    // One of them lists what is held, and one the requests to forget.
    expect(counted.requests.list + counted.requests.get).toBeLessThan(14)
  })

  test('are only told with a dry run', async () => {
    await push(0)
    const record = await back(0)
    const counted = countRequests(storage)
    const planned = await run({ withinMs: 30 * day }, { dryRun: true }, counted.storage)
    expect(counted.requests).toMatchObject({ retain: 0, put: 0 })
    expect(await run({ withinMs: 30 * day })).toEqual({ ...planned, dryRun: false })
    expect(await backupLock(record)).toBe(30)
  })

  test('go on where a run was cut off', async () => {
    for (let n = 0; n < 2500; n++) await push(n)
    await back(0)
    await world.clock.sleep(2 * hour, signal)
    let left = 1500
    const failing: Storage = {
      ...storage,
      retain: (key, until, stop) =>
        left-- > 0
          ? storage.retain(key, until, stop)
          : Promise.reject(new Fault('STORAGE_UNAVAILABLE', 'gone', { hint: 'Wait.' })),
    }
    await expect(run({ withinMs: 30 * day }, {}, failing)).rejects.toSatisfy(error =>
      isFault(error, 'STORAGE_UNAVAILABLE'),
    )
    const { extended } = await run({ withinMs: 30 * day })
    expect(extended).toBe(1500 + 2)
    for (const n of [0, 999, 1000, 2499]) expect(await lockOf(keyOf(n))).toBe(30)
  })

  test('find WAL that came late, and what was written anew, when all of it is looked at', async () => {
    await live(3, { withinMs: 30 * day })
    await storage.put(walKey('gathr', nameOf(7), '.zst.age'), bodyOf(Buffer.from('late')), signal)
    await world.clock.sleep(8 * day, signal)
    await run({ withinMs: 30 * day })
    expect(await lockOf(walKey('gathr', nameOf(7), '.zst.age'))).toBe(30)
  })

  test('are set anew for everything when told so, or when the mode changed', async () => {
    const [record] = await live(1, { withinMs: 30 * day })
    if (!record) throw new Error('there is one')
    await world.clock.sleep(2 * hour, signal)
    await run({ withinMs: 30 * day })
    expect((await run({ withinMs: 30 * day })).extended).toBe(0)
    expect((await run({ withinMs: 30 * day }, { everything: true })).extended).toBe(5 + segmentsADay + 2)
  })

  test('are refused where there are none', async () => {
    const lockless: Storage = { ...storage, traits: () => Promise.resolve({ lockable: false }) }
    await expect(run({ withinMs: day }, {}, lockless)).rejects.toSatisfy(error =>
      isFault(error, 'STORAGE_UNSUPPORTED'),
    )
  })

  test('do not stumble over a backup that was deleted, nor over a note that is damaged', async () => {
    await storage.put('gathr/locks/00000001.json', bodyOf(Buffer.from('{')), signal)
    const [record] = await live(2, { withinMs: 30 * day })
    if (!record) throw new Error('there is one')
    expect(await backupLock(record)).toBe(30)
  })
})

describe('snapshots of volumes', () => {
  const volume = {
    name: 'data',
    reference: 'eu-central-1/snap-1',
    source: 'vol-1',
    mountPath: '/srv/pg',
    fileSystem: 'xfs',
    sizeBytes: null,
    trees: [{ holds: 'data' as const, path: '/srv/pg/main', inside: 'main' }],
    details: {},
    copies: [{ region: 'eu-west-1', reference: 'eu-west-1/snap-2', details: {} }],
  }

  test('are locked with their backup; when they can not be, everything else is, and they are tried again', async () => {
    const record = {
      ...backupRecord({ id: '20260301T020000Z-snapshot', endedAt: new Date(startMs).toISOString() }),
      kind: 'snapshot' as const,
      snapshot: { provider: 'aws-ebs', volumes: [volume] },
    }
    await putBackupObjects(storage, record)
    await commitBackup(repository, record, signal)
    const asked: string[] = []
    let isDown = true
    const deps = {
      repository,
      rules: {
        mode: 'governance' as const,
        retention: { minimum: 1, timeZone: 'UTC', withinMs: 10 * day },
      },
      world,
      progress: silentProgress,
      log: silentLog,
      lockVolumes: ({ id }: BackupRecord, { mode, untilMs }: { mode: string; untilMs: number }) => {
        if (isDown) return Promise.reject(new Fault('CLOUD_UNAVAILABLE', 'no answer', { hint: '' }))
        asked.push(`${id} ${mode} ${String((untilMs - startMs) / day)}`)
        return Promise.resolve(2)
      },
    }
    await expect(extendLocks(deps, {}, signal)).rejects.toMatchObject({ code: 'CLOUD_UNAVAILABLE' })
    isDown = false
    await extendLocks(deps, {}, signal)
    await extendLocks(deps, {}, signal)
    expect(asked).toEqual([`${record.id} governance 10`])
  })
})
