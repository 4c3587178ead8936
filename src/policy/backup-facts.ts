/** What the decisions of this folder need to know of a backup. Made from `backup.json`. */
import type { Lsn } from '../wal/lsn.ts'
import type { Micros } from '../wal/time.ts'

export interface BackupFacts {
  readonly id: string
  readonly kind: 'full' | 'incremental' | 'snapshot'
  readonly parent: string | undefined
  readonly timeline: number
  /** Replay begins here… */
  readonly startLsn: Lsn
  /** …and the backup is consistent from here on. */
  readonly stopLsn: Lsn
  readonly startedAt: Micros
  readonly endedAt: Micros
  /** Pages of the source failed their checksum: chosen only when named. */
  readonly isDamaged: boolean
  readonly rawBytes: number
  readonly storedBytes: number
}

/** The backup and what it is based on, the full one first. Undefined when one of them is missing. */
export function chainOf(
  backup: BackupFacts,
  backups: readonly BackupFacts[],
): readonly BackupFacts[] | undefined {
  const chain = [backup]
  for (let first = backup; first.parent !== undefined;) {
    const parent = backups.find(({ id }) => id === first.parent)
    if (!parent || chain.includes(parent)) return undefined
    chain.unshift(parent)
    first = parent
  }
  return chain
}
