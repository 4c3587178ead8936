/**
 * Recovery targets: the point that a restore is to stop at, as asked for, before it is resolved.
 *
 * They mirror PostgreSQL's `recovery_target*` settings. `inclusive` is PostgreSQL's `recovery_target_inclusive`:
 * whether the transaction (or the record) that is exactly at the target is replayed too. It has no meaning for
 * restore points, for the end of the backup, or for the latest point.
 */
import { unreachable } from '../base/assert.ts'
import { formatMicros, type Micros } from '../wal/time.ts'
import { formatLsn, type Lsn } from '../wal/lsn.ts'

export type RecoveryTarget =
  /** The end of the archived WAL. */
  | { readonly kind: 'latest' }
  /** To the microsecond, see wal/time.ts; `parseTime` reads what people write. */
  | { readonly kind: 'time'; readonly time: Micros; readonly inclusive: boolean }
  | { readonly kind: 'lsn'; readonly lsn: Lsn; readonly inclusive: boolean }
  /** As `pg_current_xact_id` gives it; WAL holds only the low 32 bits, and PostgreSQL compares only those. */
  | { readonly kind: 'xid'; readonly xid: bigint; readonly inclusive: boolean }
  /** A restore point made with `pg_create_restore_point`. */
  | { readonly kind: 'name'; readonly name: string }
  /** As soon as the backup is consistent: its stop LSN. */
  | { readonly kind: 'immediate' }

/**
 * Which history to follow from the backup on: the newest that branches from it, the backup's own, or a number
 * (`recovery_target_timeline`).
 */
export type TimelineChoice = 'latest' | 'current' | number

/** For messages: `time 2026-03-01 02:00:00+00:00`. */
export function describeTarget(target: RecoveryTarget): string {
  switch (target.kind) {
    case 'latest':
      return 'the latest point'
    case 'immediate':
      return 'the end of the backup'
    case 'time':
      return `${before(target)}time ${formatMicros(target.time)}`
    case 'lsn':
      return `${before(target)}LSN ${formatLsn(target.lsn)}`
    case 'xid':
      return `${before(target)}transaction ${String(target.xid)}`
    case 'name':
      return `restore point "${target.name}"`
    default:
      return unreachable(target)
  }
}

const before = ({ inclusive }: { readonly inclusive: boolean }): string => (inclusive ? '' : 'just before ')

/** What WAL records, and PostgreSQL when it looks for the target, know of a transaction id. */
export function xidInWal(xid: bigint): number {
  return Number(xid & 0xffff_ffffn)
}
