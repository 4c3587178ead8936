/** A restore whose backup is a snapshot: whether it can be had here, and how it comes back. */
import { Fault, isFault } from '../base/fault.ts'
import type { LayoutRequest } from '../operations/restore/layout.ts'
import { absencesOf, assertPresent } from '../operations/snapshot/presence.ts'
import { layOutSnapshot, type SnapshotLayout } from '../operations/snapshot/restore-layout.ts'
import type { BackupCopy } from '../operations/sources/source.ts'
import type { RestorePlan } from '../policy/restore-plan.ts'
import type { SnapshotProvider } from '../snapshots/provider.ts'
import type { CommandContext } from './context.ts'
import { openProviderOf } from './snapshot-setup.ts'

/**
 * Why a snapshot is passed over, as a clause without a subject; undefined when it can be restored, or is no snapshot. One that was
 * asked for by its name is not passed over: SNAPSHOT_MISSING.
 */
export async function absenceHere(
  context: CommandContext,
  [copy]: readonly BackupCopy[],
  words: { readonly backup: string | undefined; readonly delta: boolean },
): Promise<string | undefined> {
  const record = copy?.record
  if (!record?.snapshot) return undefined
  if (words.delta && words.backup === undefined) return 'is a snapshot, which --delta can not take'
  const absences = await absencesOf(record, name => openProviderOf(context, name), context.signal)
  if (words.backup !== undefined) assertPresent(record.id, absences)
  const [first] = absences
  return first && `can not be restored here: ${first.message}`
}

/** The reasons say why the newer ones were not taken. */
export function withAbsent(plan: RestorePlan, absent: ReadonlyMap<string, string>): RestorePlan {
  return { ...plan, reasons: [...plan.reasons, ...toldOf(absent)] }
}

/** When no other backup leads there: that there were some, and why they were not taken. */
export function unreachableWithAbsent(error: unknown, absent: ReadonlyMap<string, string>): unknown {
  if (!isFault(error, 'TARGET_UNREACHABLE') || absent.size === 0) return error
  const message = error.message.replace(/there is no backup$/, 'no backup that is still there leads to it')
  return new Fault('TARGET_UNREACHABLE', message, {
    hint: [...toldOf(absent), error.hint].join(' '),
    cause: error,
  })
}

const toldOf = (absent: ReadonlyMap<string, string>): readonly string[] =>
  [...absent].map(([id, why]) => `Backup ${id} ${why}.`)

export async function openSnapshotOf(
  context: CommandContext,
  [copy]: readonly BackupCopy[],
  request: LayoutRequest,
  plan: RestorePlan,
): Promise<{ readonly provider: SnapshotProvider; readonly layout: SnapshotLayout } | undefined> {
  const record = copy?.record
  if (!record?.snapshot) return undefined
  const { snapshot } = record
  const provider = await openProviderOf(context, snapshot.provider)
  try {
    return { provider, layout: await layOutSnapshot({ provider, snapshot }, request, plan, record) }
  } catch (error) {
    await provider.close()
    throw error
  }
}
