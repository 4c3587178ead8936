/**
 * The sweep: removes what backups that never came to an end left in the repository.
 *
 * A pure plan says what goes and what stays, and why; a thin shell carries it out, in an order in which a crash
 * leaves something that the next sweep removes.
 */
import { assert } from '../base/assert.ts'
import { isFault } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { formatDuration } from '../base/units.ts'
import type { World } from '../base/world.ts'
import { deleteFolder, listBackupFolders, listTheseFolders, type BackupFolder } from './backup-folders.ts'
import { knownBackups } from './catalog-index.ts'
import { awaitingName } from './layout.ts'
import { knownDumps } from './dump-index.ts'
import type { FolderState } from './folder-states.ts'
import { readLease, type Lease } from './lease.ts'
import type { Repository } from './repository.ts'
import { backupShelf, type Shelf } from './shelf.ts'

export interface SweepFacts {
  readonly folders: readonly BackupFolder[]
  /** The id of the backup that the holder of the lease is making, when the holder is us. */
  readonly ownBackup: string | undefined
  /** Who else holds the backup lease, in words; undefined when nobody does. */
  readonly otherHolder: string | undefined
  readonly nowMs: number
  readonly shelf?: Shelf
}

export interface SweepPlan {
  /** Folders that are removed, whole. */
  readonly remove: readonly JudgedFolder[]
  /** Unfinished folders that stay. Committed backups are none of the sweep's business and are not listed. */
  readonly keep: readonly JudgedFolder[]
  /** Committed backups beside whose `backup.json` an `awaiting-wal.json` was left. */
  readonly leftovers: readonly string[]
}

export interface JudgedFolder {
  readonly folder: BackupFolder
  readonly reason: string
}

/** Decides what to remove, and says why. */
export function planSweep(facts: SweepFacts): SweepPlan {
  const unfinished = facts.folders.filter(({ state }) => state !== 'committed')
  const judged = unfinished.map(folder => ({ folder, ...judgeFolder(folder, facts) }))
  return {
    remove: judged.filter(({ remove }) => remove).map(({ folder, reason }) => ({ folder, reason })),
    keep: judged.filter(({ remove }) => !remove).map(({ folder, reason }) => ({ folder, reason })),
    leftovers: facts.folders.filter(({ hasLeftover }) => hasLeftover).map(({ id }) => id),
  }
}

function judgeFolder(folder: BackupFolder, facts: SweepFacts): { remove: boolean; reason: string } {
  const { word, commitName } = facts.shelf ?? backupShelf
  if (facts.otherHolder !== undefined)
    return { remove: false, reason: `a ${word} may be under way: ${facts.otherHolder}` }
  if (folder.id === facts.ownBackup) return { remove: false, reason: `it is the ${word} being made` }
  const graceMs = folder.state === 'awaiting' ? limits.sweepAwaitingGraceMs : limits.sweepGraceMs
  const ageMs = facts.nowMs - folder.modifiedMs
  const what = folder.state === 'awaiting' ? 'its WAL never arrived' : `it has no ${commitName}`
  const age = `untouched for ${formatDuration(Math.max(0, ageMs))}`
  if (ageMs > graceMs) return { remove: true, reason: `${what}, ${age}` }
  return { remove: false, reason: `${what}, but ${age} is less than the grace of ${formatDuration(graceMs)}` }
}

export interface SweepOptions {
  /** The backup lease. Whoever deletes has to hold it, so that nobody commits what is being deleted. */
  readonly lease: Lease | undefined
  readonly ownBackup?: string | undefined
  /** Only plan. Needs no lease. */
  readonly dryRun: boolean
  /**
   * Look at every object there is, instead of at the folders that the catalogue's index does not know as backups. Finds
   * also what was left beside `backup.json`.
   */
  readonly everywhere?: boolean | undefined
  /** The backups', unless it is named. */
  readonly shelf?: Shelf
}

export async function sweep(
  repository: Repository,
  { lease, ownBackup, dryRun, everywhere = false, shelf = backupShelf }: SweepOptions,
  world: World,
  signal: AbortSignal,
): Promise<SweepPlan> {
  assert(dryRun || lease?.name === shelf.lease, `who sweeps holds the ${shelf.lease} lease`)
  const folders = await foldersToJudge(repository, shelf, everywhere, signal)
  const held = lease ? undefined : await readLease(repository, shelf.lease, world, signal)
  const otherHolder = held === undefined || held.verdict === 'free' ? undefined : held.reason
  const plan = planSweep({ folders, ownBackup, otherHolder, nowMs: world.clock.now(), shelf })
  if (dryRun || !lease) return plan
  return carryOut(repository, shelf, plan, AbortSignal.any([signal, lease.lost]))
}

async function foldersToJudge(
  repository: Repository,
  shelf: Shelf,
  everywhere: boolean,
  signal: AbortSignal,
): Promise<readonly BackupFolder[]> {
  const unfinished = everywhere ? undefined : await unfinishedFolders(repository, shelf, signal)
  if (!unfinished) return Array.fromAsync(listBackupFolders(repository, signal, shelf))
  const ids = unfinished.map(({ id }) => id)
  return Array.fromAsync(listTheseFolders(repository, ids, signal, shelf))
}

async function unfinishedFolders(
  repository: Repository,
  shelf: Shelf,
  signal: AbortSignal,
): Promise<readonly FolderState[] | undefined> {
  return (await (shelf === backupShelf ? knownBackups : knownDumps)(repository, signal))?.unfinished
}

/** What a lock protects stays, and does not keep the rest from being removed. Returns what was done. */
async function carryOut(
  repository: Repository,
  shelf: Shelf,
  plan: SweepPlan,
  signal: AbortSignal,
): Promise<SweepPlan> {
  const { storage, identity } = repository
  for (const id of plan.leftovers)
    await refusal(() => storage.delete([`${shelf.folder(identity.cluster, id)}/${awaitingName}`], signal))
  const removed: JudgedFolder[] = []
  const locked: JudgedFolder[] = []
  for (const judged of plan.remove) {
    const reason = await refusal(() => deleteFolder(repository, judged.folder.id, signal, shelf))
    if (reason === undefined) removed.push(judged)
    else locked.push({ ...judged, reason })
  }
  return { ...plan, remove: removed, keep: [...plan.keep, ...locked] }
}

/** Why a lock did not allow it; undefined when it was done. */
async function refusal(work: () => Promise<void>): Promise<string | undefined> {
  try {
    await work()
    return undefined
  } catch (error) {
    if (isFault(error, 'OBJECT_LOCKED')) return error.message
    throw error
  }
}
