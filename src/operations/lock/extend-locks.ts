/**
 * Locks what is kept, for as long as it is sure to be kept: backups, what they are based on, the WAL that they need, and
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
import { readBackups, readCatalog, scanCatalog } from '../../repository/catalog.ts'
import type { LockNote } from '../../repository/format/lock-note.ts'
import { backupFolder, clusterKey, commitName, repositoryKey, walPrefix } from '../../repository/layout.ts'
import { readLockNote, writeLockNote } from '../../repository/lock-notes.ts'
import type { Repository } from '../../repository/repository.ts'
import { segmentName, parseSegmentName } from '../../wal/segment.ts'
import { factsOf } from '../wal-archive.ts'
import { buildRanges, overlaid, rangesOfNote, rangesToNote } from './lock-coverage.ts'
import { isDue } from './lock-due.ts'
import type { LockRules } from './lock-rules.ts'
import { lockTimes, type BackupLockTime, type LockTimes } from './lock-times.ts'
import { lockWal, type DueObject } from './lock-wal.ts'
import { reportOf, type LockReport } from './lock-report.ts'

export interface LockDeps {
  readonly repository: Repository
  readonly rules: LockRules
  readonly world: World
  readonly progress: Progress
  readonly log: Log
}

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
  const times = lockTimes(backups.map(factsOf), rules.retention, walSegmentSizeBytes, nowMs)
  const run = new LockRun(deps, { times, note, nowMs, isFull, dryRun })
  try {
    await run.lockBackups(signal)
    await run.lockWal(signal)
    await run.lockShared(signal)
  } finally {
    if (!dryRun && !signal.aborted) await writeLockNote(repository, run.note(), signal)
  }
  deps.log.info('locks.extended', { objects: run.extended, mode: rules.mode })
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
  readonly times: LockTimes
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
  readonly #wal
  #isWalDone = false
  #sharedUntilMs: number | undefined
  readonly #sharedLocked: Set<string>
  extended = 0

  constructor(deps: LockDeps, facts: RunFacts) {
    const { note, nowMs } = facts
    this.#deps = deps
    this.#facts = facts
    this.#backups = new Map(note?.backups.map(({ id, until }) => [id, Date.parse(until)]))
    // A file may become visible a little after the time that the storage gives it, and clocks differ.
    this.#wal = { fresh: buildRanges(nowMs - 1 * hour), histories: new Set<string>() }
    this.#sharedUntilMs = note?.shared.until ? Date.parse(note.shared.until) : undefined
    this.#sharedLocked = new Set(note?.shared.histories)
  }

  async lockBackups(signal: AbortSignal): Promise<void> {
    const { times, nowMs } = this.#facts
    const due = times.backups.filter(time => isDue(time, this.#backups.get(time.id), nowMs))
    if (due.length > 0) this.#deps.progress.phase('locking backups')
    for (const time of due) {
      const objects = await this.#objectsOf(time, signal)
      if (!objects) continue
      await this.#lock(objects, signal)
      this.#backups.set(time.id, time.untilMs)
    }
  }

  /** Undefined when the backup was deleted, and the index does not know that yet. */
  async #objectsOf(
    { id, untilMs }: BackupLockTime,
    signal: AbortSignal,
  ): Promise<readonly DueObject[] | undefined> {
    const { repository } = this.#deps
    const folder = backupFolder(repository.identity.cluster, id)
    const [record] = await readBackups(repository, [id], signal)
    if (!record) return undefined
    const commit = { name: commitName, sizeBytes: 0 }
    const stored = [commit, record.manifest, record.backupManifest, ...record.packs]
    return stored.map(({ name, sizeBytes }) => ({ key: `${folder}/${name}`, sizeBytes, untilMs }))
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
    const longestMs = Math.max(0, ...times.backups.map(({ untilMs }) => untilMs))
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
      backups: [...this.#backups]
        .filter(([, untilMs]) => untilMs > nowMs)
        .map(([id, untilMs]) => ({ id, until: isoOf(untilMs) }))
        .toSorted((a, b) => (a.id < b.id ? -1 : 1)),
      wal: rangesToNote(ranges, walSegmentSizeBytes),
      shared: {
        until: this.#sharedUntilMs === undefined ? null : isoOf(this.#sharedUntilMs),
        histories: [...this.#sharedLocked].sort(),
      },
    }
  }
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
