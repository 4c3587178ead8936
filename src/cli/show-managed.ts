/** `show` for the snapshot of a managed server: its record, and what the vendor says of it now. */
import { uniteManaged } from '../operations/managed/catalog.ts'
import { presencesOf } from '../operations/managed/presence.ts'
import type { Sources } from '../operations/sources/source.ts'
import type { CommandContext } from './context.ts'
import { notRead, tellRestOfManaged } from './describe-catalog.ts'
import { managedListing } from './describe-managed.ts'
import { chooseBackup } from './find-backup.ts'
import { managedOpener } from './managed-servers.ts'

export async function showManaged(context: CommandContext, sources: Sources, id: string): Promise<void> {
  const { output, signal, progress } = context
  const united = await uniteManaged(sources.open, signal)
  for (const source of [...sources.closed, ...united.closed]) output.warn(notRead(source))
  tellRestOfManaged(output, united, sources.open.length > 1)
  const { record, repositories } = chooseBackup(united.known, id, known => known.record.id)
  progress.phase(`asking for ${record.reference}`)
  const [presence] = await presencesOf([record], managedOpener(context), signal)
  const now = presence && { snapshot: presence.snapshot, copy: presence.copy ?? null }
  output.result({ ...record, repositories, now }, () => managedListing({ record, presence, repositories }))
}
