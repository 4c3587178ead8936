/**
 * A target inside of WAL that can not be read yet: which transaction ended when is told by the WAL itself. All of it that may
 * be needed is thawed, as for a restore to its end, and the plan is made anew.
 */
import { isFault } from '../base/fault.ts'
import type { RecoveryTarget } from '../policy/recovery-target.ts'
import type { RestorePlan } from '../policy/restore-plan.ts'
import type { BackupSummary } from '../repository/format/backup-summary.ts'
import { parseTime } from '../wal/time.ts'

/** Backups that may lead to the target, by what their records tell. */
export function endsBefore(target: RecoveryTarget): (backup: Pick<BackupSummary, 'endedAt'>) => boolean {
  if (target.kind !== 'time') return () => true
  return ({ endedAt }) => (parseTime(endedAt) ?? 0) <= target.time
}

/** `choose`: by a target. OBJECT_COLD when not even the backup can be told without reading WAL. */
export async function orToTheEnd<Chosen extends { readonly plan: RestorePlan }>(
  choose: (target: RecoveryTarget) => Promise<Chosen>,
  target: RecoveryTarget,
  isNamed: boolean,
): Promise<Chosen & { readonly isProvisional: boolean }> {
  try {
    return { ...(await choose(target)), isProvisional: false }
  } catch (error) {
    if (!isFault(error, 'OBJECT_COLD') || (target.kind !== 'time' && !isNamed)) throw error
  }
  const chosen = await choose({ kind: 'latest' })
  const reasons = [
    ...chosen.plan.reasons,
    'Where the target lies is told by WAL that has to be thawed first: this plan leads to the end of it, and is made anew then.',
  ]
  return { ...chosen, plan: { ...chosen.plan, reasons }, isProvisional: true }
}
