/**
 * Snapshots that no backup speaks of: left by a run that was killed, or by a backup that was deleted.
 *
 * They are removed when they are surely ours and surely nobody's any more: made by runs for a repository of the
 * configuration (a clone of this server has the same name and system identifier, but not the same repository); no
 * `backup.json`, `awaiting-wal.json` or record in any repository of the configuration; and the lease of each free, or our own.
 */
import { isFault, messageOf } from '../../base/fault.ts'
import type { World } from '../../base/world.ts'
import { folderStates } from '../../repository/folder-states.ts'
import { backupIdPattern, managedIdPattern } from '../../repository/format/values.ts'
import { readLease } from '../../repository/lease.ts'
import { managedKey } from '../../repository/layout.ts'
import type { Repository } from '../../repository/repository.ts'
import type { FoundSnapshot } from '../../snapshots/provider.ts'

/** A repository that may know of snapshots. */
export interface Witness {
  readonly name: string
  /** Fails when it can not be reached. */
  readonly open: () => Promise<Repository>
  /** Its lease is held by us. */
  readonly isOurs: boolean
}

export interface Orphans {
  readonly orphans: readonly FoundSnapshot[]
  /** Why they can not be removed now; undefined when they can. */
  readonly keptBecause: string | undefined
  /** In no catalogue either, but not marked as made for any of these repositories: never removed. */
  readonly unclaimed: readonly FoundSnapshot[]
}

/** How the snapshots of a run are marked: with the beginning of the id of the repository that it writes to first. */
export const claimOf = ({ id }: Pick<Repository, 'id'>): string => id.slice(0, 12)

/** `found`: listed before this is called, so that what is made meanwhile is not judged. */
export async function findOrphans(
  { world, witnesses }: { readonly world: World; readonly witnesses: readonly Witness[] },
  found: readonly FoundSnapshot[],
  signal: AbortSignal,
): Promise<Orphans> {
  const ids = [...new Set(found.map(({ id }) => id))].filter(isOurKind)
  const [known, claims] = [new Set<string>(), new Set<string>()]
  let keptBecause: string | undefined
  if (ids.length === 0) return { orphans: [], keptBecause, unclaimed: [] }
  for (const { name, open, isOurs } of witnesses) {
    try {
      const repository = await open()
      claims.add(claimOf(repository))
      // The lease first: who ends his work in between has left a record by then.
      const lease = isOurs ? undefined : await readLease(repository, 'backup', world, signal)
      if (lease && lease.verdict !== 'free') keptBecause = `a backup may be under way: ${lease.reason}`
      for (const id of await idsKnownTo(repository, ids, signal)) known.add(id)
    } catch (error) {
      signal.throwIfAborted()
      // A repository that was never made knows of nothing.
      if (isFault(error, 'REPOSITORY_MISSING')) continue
      keptBecause = `repository "${name}" can not be asked: ${messageOf(error)}`
    }
  }
  const unknown = found.filter(({ id }) => isOurKind(id) && !known.has(id))
  const isClaimed = ({ repository }: FoundSnapshot): boolean =>
    repository !== undefined && claims.has(repository)
  return {
    orphans: unknown.filter(isClaimed),
    keptBecause,
    unclaimed: unknown.filter(one => !isClaimed(one)),
  }
}

const isOurKind = (id: string): boolean => backupIdPattern.test(id) || managedIdPattern.test(id)

async function idsKnownTo(
  repository: Repository,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const folders = ids.filter(id => backupIdPattern.test(id))
  const states = folders.length === 0 ? [] : await folderStates(repository, folders, signal)
  const known = states.filter(({ state }) => state !== 'incomplete').map(({ id }) => id)
  for (const id of ids.filter(one => managedIdPattern.test(one)))
    // Also one that can not be read is there.
    if (await repository.storage.stat(managedKey(repository.identity.cluster, id), signal)) known.push(id)
  return known
}

export interface Removal {
  readonly snapshot: FoundSnapshot
  /** Why it is still there; undefined: it is gone. */
  readonly failure: string | undefined
}

/** One that can not be removed (it is locked, or a clone depends on it) keeps nobody from the others, nor from a new snapshot. */
export async function removeOrphans(
  orphans: readonly FoundSnapshot[],
  remove: (snapshot: FoundSnapshot, signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<readonly Removal[]> {
  const removals: Removal[] = []
  for (const snapshot of orphans) {
    try {
      await remove(snapshot, signal)
      removals.push({ snapshot, failure: undefined })
    } catch (error) {
      signal.throwIfAborted()
      if (!isFault(error)) throw error
      removals.push({ snapshot, failure: error.message })
    }
  }
  return removals
}
