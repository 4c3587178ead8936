/**
 * One run of locking: works through what is due, and remembers what it has locked. A note of that says what need not be asked for
 * again; when a run is cut off, the next one goes on where it ended.
 */
import { isFault, type Fault } from '../../base/fault.ts'
import { inParallel } from '../../base/in-parallel.ts'
import { limits } from '../../base/limits.ts'
import type { Progress } from '../../base/progress.ts'
import { hour } from '../../base/units.ts'
import {
  folderOfCommit,
  keyOfCommit,
  objectsOfCommit,
  readCommitRecord,
  type CommitRecord,
} from '../../repository/commit-record.ts'
import type { BackupRecord } from '../../repository/format/backup-record.ts'
import type { LockNote } from '../../repository/format/lock-note.ts'
import { clusterKey, erasuresPrefix, keptPrefix, repositoryKey, walPrefix } from '../../repository/layout.ts'
import type { Repository } from '../../repository/repository.ts'
import type { Retention } from '../../storage/storage.ts'
import { parseSegmentName, segmentName } from '../../wal/segment.ts'
import { buildRanges, overlaid, rangesOfNote, rangesToNote } from './lock-coverage.ts'
import { isDue } from './lock-due.ts'
import type { BackupLockTime, LockTimes } from './lock-times.ts'
import { lockWal, type DueObject } from './lock-wal.ts'

export interface RunDeps {
  readonly repository: Repository
  readonly mode: Retention['mode']
  /** Of an archive, the repository around it. Beside what lies in an archive there are notes of until when it is kept. */
  readonly around: Repository | undefined
  readonly progress: Progress
  readonly lockVolumes?: LockVolumes | undefined
}

export type LockVolumes = (record: BackupRecord, lock: Retention, signal: AbortSignal) => Promise<number>

export interface AllLockTimes extends LockTimes {
  readonly dumps: readonly BackupLockTime[]
}

export interface RunFacts {
  readonly times: AllLockTimes
  readonly note: LockNote | undefined
  readonly nowMs: number
  readonly isFull: boolean
  readonly dryRun: boolean
}

/** What it has done so far is what its note says. */
export class LockRun {
  readonly #deps: RunDeps
  readonly #facts: RunFacts
  readonly #backups: Map<string, number>
  readonly #dumps: Map<string, number>
  readonly #wal
  #isWalDone = false
  #sharedUntilMs: number | undefined
  readonly #sharedLocked: Set<string>
  readonly #erasuresLocked: Set<string>
  extended = 0
  /** The first volumes that could not be locked: that keeps nothing else from being locked, and is tried again. */
  failure: Fault | undefined

  constructor(deps: RunDeps, facts: RunFacts) {
    const { note, nowMs } = facts
    this.#deps = deps
    this.#facts = facts
    this.#backups = untilOf(note?.backups)
    this.#dumps = untilOf(note?.dumps)
    // A file may become visible a little after the time that the storage gives it, and clocks differ.
    this.#wal = { fresh: buildRanges(nowMs - 1 * hour), histories: new Set<string>() }
    this.#sharedUntilMs = note?.shared.until ? Date.parse(note.shared.until) : undefined
    this.#sharedLocked = new Set(note?.shared.histories)
    this.#erasuresLocked = new Set(note?.shared.erasures)
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
      await this.#lock(await this.#objectsOf(record, time, signal), signal)
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
    const { lockVolumes, mode } = this.#deps
    if (!record.snapshot || !lockVolumes || this.#facts.dryRun) return true
    try {
      this.extended += await lockVolumes(record, { mode, untilMs }, signal)
      return true
    } catch (error) {
      signal.throwIfAborted()
      if (!isFault(error)) throw error
      this.failure ??= error
      return false
    }
  }

  async #objectsOf(
    record: CommitRecord,
    { id, untilMs }: BackupLockTime,
    signal: AbortSignal,
  ): Promise<readonly DueObject[]> {
    const { repository, around } = this.#deps
    const { storage, identity } = repository
    const folder = folderOfCommit(identity.cluster, id)
    const notes = around ? await Array.fromAsync(storage.list(keptPrefix(folder), signal)) : []
    return [
      { key: keyOfCommit(identity.cluster, id), sizeBytes: 0, untilMs },
      ...notes.map(({ key, sizeBytes }) => ({ key, sizeBytes, untilMs })),
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
    const { cluster } = this.#deps.repository.identity
    const lockedMs = this.#sharedUntilMs ?? 0
    const isOld = lockedMs < longestMs
    const untilMs = isOld ? longestMs + (longestMs - nowMs) / 2 : lockedMs
    const histories = [...new Set([...this.#sharedLocked, ...this.#wal.histories])]
    const keys = [
      ...(isOld ? [repositoryKey, clusterKey(cluster)] : []),
      ...histories
        .filter(name => isOld || !this.#sharedLocked.has(name))
        .map(name => walPrefix(cluster) + name),
    ]
    await this.#lock(
      keys.map(key => ({ key, sizeBytes: 0, untilMs })),
      signal,
    )
    const erasures = await this.#lockErasures({ untilMs, isOld }, signal)
    // Not before all of it is locked: what was cut off is done again.
    this.#sharedUntilMs = untilMs
    for (const name of histories) this.#sharedLocked.add(name)
    for (const name of erasures) this.#erasuresLocked.add(name)
  }

  /** Without them a restore would bring back who asked to be forgotten. Those of an archive lie in the repository around it. */
  async #lockErasures(
    { untilMs, isOld }: { readonly untilMs: number; readonly isOld: boolean },
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const where = this.#deps.around ?? this.#deps.repository
    const prefix = erasuresPrefix(where.identity.cluster)
    const found = await Array.fromAsync(where.storage.list(prefix, signal))
    const due = found.filter(({ key }) => isOld || !this.#erasuresLocked.has(key.slice(prefix.length)))
    await this.#lock(
      due.map(({ key, sizeBytes }) => ({ key, sizeBytes, untilMs })),
      signal,
      where,
    )
    return due.map(({ key }) => key.slice(prefix.length))
  }

  async #lock(
    objects: readonly DueObject[],
    signal: AbortSignal,
    repository = this.#deps.repository,
  ): Promise<void> {
    const { mode, progress } = this.#deps
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
      mode: this.#deps.mode,
      allSeenAt: isFull && this.#isWalDone ? isoOf(nowMs) : (note?.allSeenAt ?? isoOf(0)),
      openFrom: this.#isWalDone ? (openFrom ?? null) : (note?.openFrom ?? null),
      backups: notedOf(this.#backups, nowMs),
      dumps: notedOf(this.#dumps, nowMs),
      wal: rangesToNote(ranges, walSegmentSizeBytes),
      shared: {
        until: this.#sharedUntilMs === undefined ? null : isoOf(this.#sharedUntilMs),
        histories: [...this.#sharedLocked].sort(),
        erasures: [...this.#erasuresLocked].sort(),
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
