/**
 * Locks what is kept, for as long as it is sure to be kept: backups, what they are based on, the WAL that they need, dumps, and
 * the few objects without which nothing can be read.
 *
 * Idempotent: a lock is never shortened, and one that is long enough already is left alone. A note of what was done says
 * what need not be asked for again; when a run is cut off, the next one goes on where it ended.
 */
import { Fault, isFault } from '../../base/fault.ts'
import { inParallel } from '../../base/in-parallel.ts'
import { limits } from '../../base/limits.ts'
import type { Log } from '../../base/log.ts'
import type { Progress } from '../../base/progress.ts'
import { hour } from '../../base/units.ts'
import type { World } from '../../base/world.ts'
import { readCatalog, scanCatalog } from '../../repository/catalog.ts'
import {
  folderOfCommit,
  keyOfCommit,
  objectsOfCommit,
  readCommitRecord,
  type CommitRecord,
} from '../../repository/commit-record.ts'
import { readDumps, scanDumps } from '../../repository/dump-catalog.ts'
import type { BackupRecord } from '../../repository/format/backup-record.ts'
import type { LockNote } from '../../repository/format/lock-note.ts'
import { clusterKey, repositoryKey, walPrefix } from '../../repository/layout.ts'
import { readLockNote, writeLockNote } from '../../repository/lock-notes.ts'
import type { Repository } from '../../repository/repository.ts'
import type { Retention } from '../../storage/storage.ts'
import { segmentName, parseSegmentName } from '../../wal/segment.ts'
import { dumpFactsOf } from '../dump-facts.ts'
import { heldReasons } from '../held-reasons.ts'
import { factsOf } from '../wal-archive.ts'
import { buildRanges, overlaid, rangesOfNote, rangesToNote } from './lock-coverage.ts'
import { isDue } from './lock-due.ts'
import type { LockRules } from './lock-rules.ts'
import { dumpLockTimes, lockTimes, type BackupLockTime, type LockTimes } from './lock-times.ts'
import { lockWal, type DueObject } from './lock-wal.ts'
import { reportOf, type LockReport } from './lock-report.ts'

export interface LockDeps {
  readonly repository: Repository
  readonly rules: LockRules
  readonly world: World
  readonly progress: Progress
  readonly log: Log
  /** Locks the snapshots of a backup's volumes where their provider can, with copies in other regions; says how many. */
  readonly lockVolumes?: LockVolumes | undefined
}

export type LockVolumes = (record: BackupRecord, lock: Retention, signal: AbortSignal) => Promise<number>

export interface LockOptions {
  /** Only tell what would be done. */
  readonly dryRun?: boolean | undefined
  /** List all WAL, also behind the place where the last run ended: it may have come late, as into a copy. */
  readonly allWal?: boolean | undefined
  /** Look at every object, and believe no note: after a repair, or when somebody wrote objects without locks. */
  readonly everything?: boolean | undefined
}

/** STORAGE_UNSUPPORTED where the place has no locks. */
export async function extendLocks(
  deps: LockDeps,
  { dryRun = false, allWal = false, everything = false }: LockOptions,
  signal: AbortSignal,
): Promise<LockReport> {
  const { repository, rules, world } = deps
  const nowMs = world.clock.now()
  const note = everything ? undefined : usable(await readLockNote(repository, signal), rules)
  if (!note) await assertLockable(repository, signal)
  const isFull = !note || allWal || nowMs - Date.parse(note.allSeenAt) > limits.lockAllEveryMs
  const { backups } = await (isFull ? scanCatalog : readCatalog)(repository, signal)
  const { walSegmentSizeBytes } = repository.identity
  const { dumps } = await (isFull ? scanDumps : readDumps)(repository, signal)
  const held = await heldReasons(repository, nowMs, signal)
  const times = {
    ...lockTimes(backups.map(factsOf), rules.retention, walSegmentSizeBytes, nowMs, held),
    dumps: dumpLockTimes(dumps.map(dumpFactsOf), rules.retention, nowMs, held),
  }
  const run = new LockRun(deps, { times, note, nowMs, isFull, dryRun })
  try {
    await run.lockBackups(signal)
    await run.lockDumps(signal)
    await run.lockWal(signal)
    await run.lockShared(signal)
  } finally {
    if (!dryRun && !signal.aborted) await writeLockNote(repository, run.note(), signal)
  }
  deps.log.info('locks.extended', { objects: run.extended, mode: rules.mode })
  if (run.failure) throw run.failure
  const more = { mode: rules.mode, extended: run.extended, dryRun }
  return reportOf(run.note(), times, more, walSegmentSizeBytes)
}

/** With another mode everything has to be locked anew. */
function usable(note: LockNote | undefined, { mode }: LockRules): LockNote | undefined {
  return note?.mode === mode ? note : undefined
}

async function assertLockable({ storage }: Repository, signal: AbortSignal): Promise<void> {
  if ((await storage.traits(signal)).lockable !== false) return
  throw new Fault(
    'STORAGE_UNSUPPORTED',
    `${storage.location} can not lock objects, and \`lock\` asks for it`,
    {
      hint: 'Turn object lock on for the bucket (on S3 most servers can only when it is made: make a new one, and copy), or take `lock` out of the configuration.',
    },
  )
}

interface RunFacts {
  readonly times: LockTimes & { readonly dumps: readonly BackupLockTime[] }
  readonly note: LockNote | undefined
  readonly nowMs: number
  readonly isFull: boolean
  readonly dryRun: boolean
}

/** One run: what it has done so far is what its note says. */
class LockRun {
  readonly #deps: LockDeps
  readonly #facts: RunFacts
  readonly #backups: Map<string, number>
  readonly #dumps: Map<string, number>
  readonly #wal
  #isWalDone = false
  #sharedUntilMs: number | undefined
  readonly #sharedLocked: Set<string>
  extended = 0
  /** The first volumes that could not be locked: that keeps nothing else from being locked, and is tried again. */
  failure: Fault | undefined

  constructor(deps: LockDeps, facts: RunFacts) {
    const { note, nowMs } = facts
    this.#deps = deps
    this.#facts = facts
    this.#backups = untilOf(note?.backups)
    this.#dumps = untilOf(note?.dumps)
    // A file may become visible a little after the time that the storage gives it, and clocks differ.
    this.#wal = { fresh: buildRanges(nowMs - 1 * hour), histories: new Set<string>() }
    this.#sharedUntilMs = note?.shared.until ? Date.parse(note.shared.until) : undefined
    this.#sharedLocked = new Set(note?.shared.histories)
  }

  lockBackups(signal: AbortSignal): Promise<void> {
    return this.#lockCommits(this.#facts.times.backups, this.#backups, 'locking backups', signal)
  }

  lockDumps(signal: AbortSignal): Promise<void> {
    return this.#lockCommits(this.#facts.times.dumps, this.#dumps, 'locking dumps', signal)
  }

  async #lockCommits(
    times: readonly BackupLockTime[],
    known: Map<string, number>,
    phase: string,
    signal: AbortSignal,
  ): Promise<void> {
    const due = times.filter(time => isDue(time, known.get(time.id), this.#facts.nowMs))
    if (due.length > 0) this.#deps.progress.phase(phase)
    for (const time of due) {
      const record = await this.#recordOf(time.id, signal)
      if (!record) continue
      await this.#lock(this.#objectsOf(record, time), signal)
      const isAll = record.kind === 'dump' || (await this.#lockVolumes(record, time, signal))
      if (isAll) known.set(time.id, time.untilMs)
    }
  }

  /** Undefined when it was deleted, and the index does not know that yet, or its record is damaged. */
  async #recordOf(id: string, signal: AbortSignal): Promise<CommitRecord | undefined> {
    try {
      return await readCommitRecord(this.#deps.repository, id, signal)
    } catch (error) {
      if (isFault(error, 'BACKUP_NOT_FOUND', 'OBJECT_CORRUPT', 'REPOSITORY_FORMAT')) return undefined
      throw error
    }
  }

  /** Snapshots lie outside of the repository, where somebody else may be out of reach. */
  async #lockVolumes(
    record: BackupRecord,
    { untilMs }: BackupLockTime,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { lockVolumes, rules } = this.#deps
    if (!record.snapshot || !lockVolumes || this.#facts.dryRun) return true
    try {
      this.extended += await lockVolumes(record, { mode: rules.mode, untilMs }, signal)
      return true
    } catch (error) {
      signal.throwIfAborted()
      if (!isFault(error)) throw error
      this.failure ??= error
      return false
    }
  }

  #objectsOf(record: CommitRecord, { id, untilMs }: BackupLockTime): readonly DueObject[] {
    const { cluster } = this.#deps.repository.identity
    const folder = folderOfCommit(cluster, id)
    return [
      { key: keyOfCommit(cluster, id), sizeBytes: 0, untilMs },
      ...objectsOfCommit(record).map(({ name, sizeBytes }) => ({
        key: `${folder}/${name}`,
        sizeBytes,
        untilMs,
      })),
    ]
  }

  async lockWal(signal: AbortSignal): Promise<void> {
    const { times, note, nowMs, isFull } = this.#facts
    const { repository, progress } = this.#deps
    const { walSegmentSizeBytes } = repository.identity
    progress.phase('locking WAL')
    const known = rangesOfNote(note?.wal ?? [], walSegmentSizeBytes)
    const from = isFull ? undefined : (note?.openFrom ?? undefined)
    const openFrom = from === undefined ? undefined : parseSegmentName(from, walSegmentSizeBytes)
    const wal = { repository, times, known, nowMs, openFrom }
    await lockWal(wal, this.#wal, (due, stop) => this.#lock(due, stop), signal)
    this.#isWalDone = true
  }

  /** Small, and needed by all: locked for half as long again, so that it is not to be done each time. */
  async lockShared(signal: AbortSignal): Promise<void> {
    const { times, nowMs } = this.#facts
    const longestMs = Math.max(0, ...[...times.backups, ...times.dumps].map(({ untilMs }) => untilMs))
    if (longestMs <= nowMs) return
    const { identity } = this.#deps.repository
    const prefix = walPrefix(identity.cluster)
    const isOld = (this.#sharedUntilMs ?? 0) < longestMs
    if (isOld) this.#sharedUntilMs = longestMs + (longestMs - nowMs) / 2
    const untilMs = this.#sharedUntilMs ?? longestMs
    const histories = new Set([...this.#sharedLocked, ...this.#wal.histories])
    const wanted = [...histories].filter(name => isOld || !this.#sharedLocked.has(name))
    const keys = [
      ...(isOld ? [repositoryKey, clusterKey(identity.cluster)] : []),
      ...wanted.map(name => prefix + name),
    ]
    await this.#lock(
      keys.map(key => ({ key, sizeBytes: 0, untilMs })),
      signal,
    )
    for (const name of histories) this.#sharedLocked.add(name)
  }

  async #lock(objects: readonly DueObject[], signal: AbortSignal): Promise<void> {
    const { repository, rules, progress } = this.#deps
    const { mode } = rules
    const lockOne = async ({ key, untilMs, sizeBytes }: DueObject, stop: AbortSignal): Promise<void> => {
      if (!this.#facts.dryRun) await lockIfThere(repository, key, { mode, untilMs }, stop)
      this.extended++
      progress.advance(sizeBytes)
    }
    await inParallel(objects, limits.lockParallel, lockOne, signal)
  }

  note(): Omit<LockNote, 'format' | 'cluster' | 'number'> {
    const { note, times, nowMs, isFull } = this.#facts
    const { walSegmentSizeBytes } = this.#deps.repository.identity
    const known = rangesOfNote(note?.wal ?? [], walSegmentSizeBytes)
    const ranges = overlaid(known, this.#wal.fresh.ranges(), nowMs)
    const openFrom = times.openFrom && segmentName(times.openFrom, walSegmentSizeBytes)
    return {
      mode: this.#deps.rules.mode,
      allSeenAt: isFull && this.#isWalDone ? isoOf(nowMs) : (note?.allSeenAt ?? isoOf(0)),
      openFrom: this.#isWalDone ? (openFrom ?? null) : (note?.openFrom ?? null),
      backups: notedOf(this.#backups, nowMs),
      dumps: notedOf(this.#dumps, nowMs),
      wal: rangesToNote(ranges, walSegmentSizeBytes),
      shared: {
        until: this.#sharedUntilMs === undefined ? null : isoOf(this.#sharedUntilMs),
        histories: [...this.#sharedLocked].sort(),
      },
    }
  }
}

const untilOf = (noted: LockNote['backups'] = []): Map<string, number> =>
  new Map(noted.map(({ id, until }) => [id, Date.parse(until)]))

function notedOf(known: ReadonlyMap<string, number>, nowMs: number): LockNote['backups'] {
  return [...known]
    .filter(([, untilMs]) => untilMs > nowMs)
    .map(([id, untilMs]) => ({ id, until: isoOf(untilMs) }))
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
}

/** What was deleted since it was listed needs no lock. */
async function lockIfThere(
  { storage }: Repository,
  key: string,
  until: Parameters<Repository['storage']['retain']>[1],
  signal: AbortSignal,
): Promise<void> {
  try {
    await storage.retain(key, until, signal)
  } catch (error) {
    if (!isFault(error, 'OBJECT_MISSING')) throw error
  }
}

const isoOf = (ms: number): string => new Date(ms).toISOString()
