/** What earlier dumps left behind, and a name for the new one. */
import { isFault } from '../../base/fault.ts'
import { formatBytes } from '../../base/units.ts'
import { deleteFolder, listTheseFolders } from '../../repository/backup-folders.ts'
import { dumpIdOf } from '../../repository/layout.ts'
import type { Lease } from '../../repository/lease.ts'
import { dumpShelf } from '../../repository/shelf.ts'
import { sweep } from '../../repository/sweep.ts'
import type { BackupMember, BackupMembers } from '../backup/members.ts'
import type { DumpDeps } from './dump.ts'

type FoldersDeps = Pick<DumpDeps, 'world' | 'progress' | 'log'> & Pick<BackupMember, 'repository'>

export async function sweepOldDumps(
  { repository, world, progress, log }: FoldersDeps,
  lease: Lease,
  signal: AbortSignal,
): Promise<void> {
  try {
    const { remove } = await sweep(repository, { lease, dryRun: false, shelf: dumpShelf }, world, signal)
    for (const { folder, reason } of remove) {
      progress.note(`removed ${folder.id} (${formatBytes(folder.sizeBytes)}): ${reason}`)
      log.info('sweep.removed', { id: folder.id, sizeBytes: folder.sizeBytes, reason })
    }
  } catch (error) {
    // A host that may write and not delete can still dump; whoever may delete sweeps.
    if (!isFault(error, 'STORAGE_DENIED')) throw error
    progress.note(`unfinished dumps were not swept: ${error.message}`)
  }
}

/** Ids count seconds. */
export async function freeDumpId(
  members: Pick<BackupMembers, 'each' | 'held'>,
  startedMs: number,
): Promise<string> {
  for (let ms = startedMs; ; ms += 1000) {
    const id = dumpIdOf(ms)
    const takenIn = new Set<string>()
    await members.each(async ({ name, repository }) => {
      const [taken] = await Array.fromAsync(listTheseFolders(repository, [id], members.held, dumpShelf))
      if (taken) takenIn.add(name)
    })
    if (takenIn.size === 0) return id
  }
}

/** A dump that failed leaves nothing where it may be deleted; elsewhere the sweep of who may comes by. */
export async function dropUnfinished(members: readonly BackupMember[], id: string): Promise<void> {
  // The work was told to stop, or has failed: what is left to do is short, and must not be stopped by the same word.
  const { signal } = new AbortController()
  await Promise.all(
    members.map(async ({ repository }) => {
      try {
        await deleteFolder(repository, id, signal, dumpShelf)
      } catch (error) {
        if (!isFault(error)) throw error
      }
    }),
  )
}
