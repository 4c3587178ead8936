/** Base backups whose snapshot vanished outside of Holdfast: no moment can be restored from them. */
import { readCopies, type KnownBackup } from '../operations/sources/catalog.ts'
import { isRepositoryTrouble, TroubleLog } from '../operations/sources/trouble.ts'
import { vanishedOf, whyVanished } from '../operations/snapshot/presence.ts'
import type { CommandContext } from './context.ts'
import { openProviderOf } from './snapshot-setup.ts'

/** By id, with the reason. One that can not be seen from here is not judged. */
export async function absentSnapshots(
  context: CommandContext,
  backups: readonly KnownBackup[],
): Promise<ReadonlyMap<string, string>> {
  const { signal } = context
  const snapshots = backups.filter(({ summary }) => summary.kind === 'snapshot')
  const troubles = new TroubleLog(() => undefined)
  const records = await Promise.all(
    snapshots.map(async known => {
      try {
        return (await readCopies(known, troubles, signal))[0]?.record
      } catch (error) {
        // What is damaged is told of where it is read for its own sake.
        if (!isRepositoryTrouble(error)) throw error
        return undefined
      }
    }),
  )
  return whyVanished(
    await vanishedOf(
      records.filter(record => record !== undefined),
      name => openProviderOf(context, name),
      signal,
    ),
  )
}
