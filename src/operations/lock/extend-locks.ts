/**
 * Locks what is kept, for as long as it is sure to be kept: backups, what they are based on, the WAL that they need, dumps, and
 * the few objects without which nothing can be read. In an archive by what its notes say, else by the rules of retention.
 *
 * Idempotent: a lock is never shortened, and one that is long enough already is left alone.
 */
import { assert } from '../../base/assert.ts'
import { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { Log } from '../../base/log.ts'
import type { Progress } from '../../base/progress.ts'
import type { World } from '../../base/world.ts'
import type { RetentionRules } from '../../policy/retention.ts'
import { readCatalog, scanCatalog } from '../../repository/catalog.ts'
import { readDumps, scanDumps } from '../../repository/dump-catalog.ts'
import type { LockNote } from '../../repository/format/lock-note.ts'
import { readLockNote, writeLockNote } from '../../repository/lock-notes.ts'
import type { Repository } from '../../repository/repository.ts'
import { readArchived } from '../archive/read-archived.ts'
import { dumpFactsOf } from '../dump-facts.ts'
import { heldReasons } from '../held-reasons.ts'
import { factsOf } from '../wal-archive.ts'
import { archivedLockTimes } from './archived-lock-times.ts'
import { reportOf, type LockReport } from './lock-report.ts'
import type { LockRules } from './lock-rules.ts'
import { LockRun, type AllLockTimes, type LockVolumes } from './lock-run.ts'
import { dumpLockTimes, lockTimes } from './lock-times.ts'

export interface LockDeps {
  readonly repository: Repository
  /** When it is an archive: the repository that it lies in. */
  readonly around?: Repository | undefined
  /** `archive`: it is one, and what is kept is said by the notes beside it. */
  readonly rules: { readonly mode: LockRules['mode']; readonly retention: RetentionRules | 'archive' }
  readonly world: World
  readonly progress: Progress
  readonly log: Log
  /** Locks the snapshots of a backup's volumes where their provider can, with copies in other regions; says how many. */
  readonly lockVolumes?: LockVolumes | undefined
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
  const { repository, around, world } = deps
  const { mode, retention } = deps.rules
  assert((retention === 'archive') === (around !== undefined), 'an archive lies in a repository')
  const nowMs = world.clock.now()
  const note = everything ? undefined : usable(await readLockNote(repository, signal), mode)
  if (!note) await assertLockable(repository, signal)
  const isFull = !note || allWal || nowMs - Date.parse(note.allSeenAt) > limits.lockAllEveryMs
  const times = await timesOf(deps, { nowMs, isFull }, signal)
  const run = new LockRun({ ...deps, mode, around }, { times, note, nowMs, isFull, dryRun })
  try {
    await run.lockBackups(signal)
    await run.lockDumps(signal)
    await run.lockWal(signal)
    await run.lockShared(signal)
  } finally {
    if (!dryRun && !signal.aborted) await writeLockNote(repository, run.note(), signal)
  }
  deps.log.info('locks.extended', { objects: run.extended, mode })
  if (run.failure) throw run.failure
  return reportOf(
    run.note(),
    times,
    { mode, extended: run.extended, dryRun },
    repository.identity.walSegmentSizeBytes,
  )
}

/** With another mode everything has to be locked anew. */
function usable(note: LockNote | undefined, mode: LockRules['mode']): LockNote | undefined {
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

async function timesOf(
  { repository, rules: { retention } }: LockDeps,
  { nowMs, isFull }: { readonly nowMs: number; readonly isFull: boolean },
  signal: AbortSignal,
): Promise<AllLockTimes> {
  const { walSegmentSizeBytes } = repository.identity
  const { backups } = await (isFull ? scanCatalog : readCatalog)(repository, signal)
  const { dumps } = await (isFull ? scanDumps : readDumps)(repository, signal)
  const held = await heldReasons(repository, nowMs, signal)
  const facts = backups.map(factsOf)
  if (retention !== 'archive')
    return {
      ...lockTimes(facts, retention, walSegmentSizeBytes, nowMs, held),
      dumps: dumpLockTimes(dumps.map(dumpFactsOf), retention, nowMs, held),
    }
  const archived = await readArchived(repository, [...backups, ...dumps], signal)
  return archivedLockTimes(facts, archived, walSegmentSizeBytes, nowMs, held)
}
