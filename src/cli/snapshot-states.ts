/** What is known now of a snapshot's volumes, and of their copies in other regions. */
import { isFault } from '../base/fault.ts'
import { absencesOf, copiesOf, type Absence, type CopyState } from '../operations/snapshot/presence.ts'
import type { BackupRecord } from '../repository/format/backup-record.ts'
import type { CommandContext } from './context.ts'
import { openProviderOf } from './snapshot-setup.ts'

export interface SnapshotStates {
  /** Empty: all volumes are there. */
  readonly absences: readonly Absence[]
  readonly copies: readonly CopyState[]
}

export async function snapshotStates(context: CommandContext, record: BackupRecord): Promise<SnapshotStates> {
  const { signal } = context
  const open = (name: string): ReturnType<typeof openProviderOf> => openProviderOf(context, name)
  const absences = await absencesOf(record, open, signal)
  try {
    return { absences, copies: await copiesOf(record, open, signal) }
  } catch (error) {
    signal.throwIfAborted()
    // The provider can not be opened, which `absences` says already.
    if (!isFault(error)) throw error
    return { absences, copies: [] }
  }
}
