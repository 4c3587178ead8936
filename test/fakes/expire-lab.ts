/** A repository in memory with a history of backups, dumps and WAL, small and quick, whose time is set by the test. */
import { readFileSync } from 'node:fs'
import { silentProgress } from '../../src/base/progress.ts'
import { day } from '../../src/base/units.ts'
import type { World } from '../../src/base/world.ts'
import type { ExpireDeps } from '../../src/operations/expire/expire.ts'
import type { RetentionRules } from '../../src/policy/retention.ts'
import { commitBackup } from '../../src/repository/catalog.ts'
import { commitDump, objectsOfDump } from '../../src/repository/dump-catalog.ts'
import type { BackupRecord } from '../../src/repository/format/backup-record.ts'
import { parseDumpRecord } from '../../src/repository/format/dump-json.ts'
import type { DumpRecord } from '../../src/repository/format/dump-record.ts'
import { backupIdOf, dumpFolder, dumpIdOf, walKey } from '../../src/repository/layout.ts'
import { initRepository, openRepository, type Repository } from '../../src/repository/repository.ts'
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts'
import { bodyOf, type Storage } from '../../src/storage/storage.ts'
import { formatLsn } from '../../src/wal/lsn.ts'
import { segmentName } from '../../src/wal/segment.ts'
import { backupRecord, putBackupObjects } from '../support/backup-records.ts'

export const labSignal = new AbortController().signal
export const segmentSizeBytes = 1 << 20
const identity = {
  cluster: 'gathr',
  systemIdentifier: '7481234567890123456',
  postgresMajor: 15,
  walSegmentSizeBytes: segmentSizeBytes,
}
const dumpVector = parseDumpRecord(
  readFileSync(new URL('../vectors/records/dump.json', import.meta.url)),
  'vector',
)

export interface ExpireLab {
  readonly world: World
  readonly storage: Storage
  readonly repository: Repository
  readonly startMs: number
  /** Goes to this moment. */
  at(ms: number): void
  /** Writes WAL up to (without) this segment of the timeline. */
  wal(to: number, timeline?: number): Promise<void>
  /** Ends now; its WAL are the next two segments. */
  backup(more?: Partial<BackupRecord> & { readonly to?: Repository }): Promise<BackupRecord>
  dump(more?: Partial<DumpRecord>): Promise<DumpRecord>
  deps(rules: Partial<RetentionRules>, more?: Partial<ExpireDeps>): ExpireDeps
  keys(prefix?: string): Promise<readonly string[]>
}

export async function openExpireLab(startMs = Date.UTC(2026, 0, 1, 2)): Promise<ExpireLab> {
  let nowMs = startMs
  let next = 1
  const world: World = {
    clock: {
      now: () => nowMs,
      monotonicMs: () => nowMs,
      // Time goes on when the test says so: whoever sleeps, sleeps until told to stop.
      sleep: (_, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reject(signal.reason as Error)
          })
        }),
    },
    randomBytes: count => new Uint8Array(count).map((_, i) => (next * 31 + i * 7) & 255),
  }
  const storage = openMemoryStorage(world.clock)
  await initRepository(storage, identity, world, labSignal)
  const repository = await openRepository(storage, 'gathr', labSignal)

  const putWal = async (to: Repository, name: string): Promise<void> => {
    await to.storage.put(walKey('gathr', name, '.zst'), bodyOf(Buffer.from(name)), labSignal)
  }
  const name = (number: number, timeline: number): string =>
    segmentName({ timeline, number: BigInt(number) }, segmentSizeBytes)

  const lab: ExpireLab = {
    world,
    storage,
    repository,
    startMs,
    at(ms) {
      nowMs = ms
    },
    async wal(to, timeline = 1) {
      while (next < to) await putWal(repository, name(next++, timeline))
    },
    async backup({ to = repository, ...more } = {}) {
      const timeline = more.timeline ?? 1
      const [first, last] = [next, next + 1]
      next += 2
      for (const number of [first, last]) await putWal(to, name(number, timeline))
      const kind = more.kind ?? (more.parent === undefined ? 'full' : 'incremental')
      const lsn = (number: number): string => formatLsn(BigInt(number) * BigInt(segmentSizeBytes) + 40n)
      const plain = backupRecord({ id: backupIdOf(nowMs, kind), kind })
      const sizes = [...plain.packs, plain.manifest, plain.backupManifest].map(({ sizeBytes }) => sizeBytes)
      const record: BackupRecord = {
        ...plain,
        postgres: { ...plain.postgres, walSegmentSizeBytes: segmentSizeBytes },
        startedAt: new Date(nowMs - 60_000).toISOString(),
        endedAt: new Date(nowMs).toISOString(),
        timeline,
        startLsn: lsn(first),
        stopLsn: lsn(last),
        startWal: name(first, timeline),
        stopWal: name(last, timeline),
        sizes: { ...plain.sizes, storedBytes: sizes.reduce((sum, size) => sum + size, 0) },
        checks: { pagesChecked: 0, pagesTorn: 0, pagesCorrupt: 0, corrupt: [] },
        ...more,
      }
      await putBackupObjects(to.storage, record)
      await commitBackup(to, record, labSignal)
      return record
    },
    async dump(more = {}) {
      const record: DumpRecord = {
        ...dumpVector,
        id: dumpIdOf(nowMs),
        startedAt: new Date(nowMs - 60_000).toISOString(),
        endedAt: new Date(nowMs).toISOString(),
        lsn: formatLsn(BigInt(next) * BigInt(segmentSizeBytes)),
        selection: { databases: 'all', contents: 'all' },
        ...more,
      }
      const small = shrunk(record)
      for (const object of objectsOfDump(small))
        await storage.put(
          `${dumpFolder('gathr', small.id)}/${object.name}`,
          bodyOf(Buffer.from('x')),
          labSignal,
        )
      await commitDump(repository, small, labSignal)
      return small
    },
    deps: (rules, more = {}) => ({
      repository,
      rules: { minimum: 1, timeZone: 'UTC', ...rules },
      receivers: [],
      outside: { remove: () => Promise.resolve(undefined) },
      holders: { openProvider: undefined, openManaged: undefined },
      world,
      progress: silentProgress,
      log: { info: () => undefined, warn: () => undefined },
      ...more,
    }),
    keys: async (prefix = '') =>
      (await Array.fromAsync(storage.list(prefix, labSignal))).map(({ key }) => key),
  }
  return lab
}

/** Objects of one byte. */
function shrunk(record: DumpRecord): DumpRecord {
  const one = <T extends { readonly sizeBytes: number }>(object: T): T => ({ ...object, sizeBytes: 1 })
  const databases = record.databases.map(database => ({
    ...database,
    objects: database.objects.map(one),
    contents: one(database.contents),
  }))
  const small = { ...record, globals: one(record.globals), databases }
  return { ...small, sizes: { ...small.sizes, storedBytes: objectsOfDump(small).length } }
}

/** A night a day, with WAL between them. */
export async function nights(lab: ExpireLab, count: number): Promise<readonly BackupRecord[]> {
  const records: BackupRecord[] = []
  for (let night = 0; night < count; night++) {
    lab.at(lab.startMs + night * day)
    records.push(await lab.backup())
    await lab.wal((night + 1) * 10 + 1)
  }
  return records
}
