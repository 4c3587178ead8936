/** Snapshots of managed servers: nothing of them lies in the repository but a record, so the vendor is asked for each. */
import type { ManagedRecord } from '../../repository/format/managed-json.ts'
import { readAllManaged } from '../../repository/managed-records.ts'
import { managedKey } from '../../repository/layout.ts'
import type { Repository } from '../../repository/repository.ts'
import { isRestorable, presencesOf, type ManagedPresence, type OpenManaged } from '../managed/presence.ts'
import { unreadable } from './check-backup.ts'
import type { Finding, VerifiedManaged } from './report.ts'

export interface CheckedManaged {
  readonly managed: readonly VerifiedManaged[]
  readonly findings: readonly Finding[]
  /** Sentences. */
  readonly notChecked: readonly string[]
}

export const nothingManaged: CheckedManaged = { managed: [], findings: [], notChecked: [] }

export async function checkAllManaged(
  repository: Repository,
  open: OpenManaged,
  signal: AbortSignal,
): Promise<CheckedManaged> {
  const { records, damaged } = await readAllManaged(repository, signal)
  const checked = await checkManaged(records, open, signal)
  const findings = damaged.map(({ id, fault }) =>
    unreadable(managedKey(repository.identity.cluster, id), id, fault),
  )
  return { ...checked, findings: [...findings, ...checked.findings] }
}

export async function checkManaged(
  records: readonly ManagedRecord[],
  open: OpenManaged,
  signal: AbortSignal,
): Promise<CheckedManaged> {
  const presences = await presencesOf(records, open, signal)
  return {
    managed: presences.map(verified),
    findings: presences.flatMap(findingsOf),
    notChecked: [...new Set(presences.flatMap(unseen))],
  }
}

const verified = (presence: ManagedPresence): VerifiedManaged => ({
  id: presence.record.id,
  isRestorable: isRestorable(presence),
  snapshot: presence.snapshot.state,
  copy: presence.copy ? { region: presence.copy.region, state: presence.copy.state } : null,
})

function findingsOf(presence: ManagedPresence): readonly Finding[] {
  const { record, snapshot, copy } = presence
  const { id } = record
  const isLost = ({ state }: { readonly state: string }): boolean => state === 'gone' || state === 'failed'
  const found = (
    { reference, message }: { readonly reference: string; readonly message: string },
    cost: string,
  ): Finding => ({ object: reference, backup: id, message, cost })
  return [
    ...(isLost(snapshot)
      ? [
          found(
            snapshot,
            copy?.state === 'ready'
              ? `${id} can be restored from its copy in ${copy.region} only`
              : `${id} can not be restored`,
          ),
        ]
      : []),
    ...(copy && isLost(copy) ? [found(copy, `${id} would be lost with its region`)] : []),
  ]
}

function unseen({ record: { id }, snapshot, copy }: ManagedPresence): readonly string[] {
  return [snapshot, ...(copy ? [copy] : [])].flatMap(({ state, reference, message }) => {
    if (state === 'unknown') return [`Whether ${reference} (${id}) is there could not be told: ${message}.`]
    return state === 'pending' ? [`${message} (${id}): it can not be restored yet.`] : []
  })
}
