/**
 * Where PostgreSQL stops: its own rules, applied to what is read from the archive before PostgreSQL does it.
 *
 * See recoveryStopsBefore and recoveryStopsAfter in src/backend/access/transam/xlogrecovery.c. What people stumble
 * over: a time stops at the first commit or abort that is later, so a time after the last one is never reached; the
 * ids of transactions are compared for equality, since they are not in the order of commits; an LSN stops at the first
 * record that begins there or later; and a stop before the backup is consistent is an error.
 */
import { unreachable } from '../base/assert.ts'
import type { ReadEvent, RecordPlace, TransactionEnd, WalEvent, WatchedRecord } from '../wal/events.ts'
import { xidInWal, type RecoveryTarget } from './recovery-target.ts'

export interface Stop {
  /** Whether the record itself is still replayed. */
  readonly where: 'before' | 'after'
  readonly record: RecordPlace
  /** The last transaction that is replayed, of those that were shown; undefined when there was none. */
  readonly last: TransactionEnd | undefined
}

/** Shows one event after the other, in the order of the log; the answer is undefined until recovery stops. */
export type StoppingRule = (event: ReadEvent) => Stop | undefined

export function stoppingRule(target: RecoveryTarget): StoppingRule {
  let last: TransactionEnd | undefined
  return event => {
    const stop = stopAt(target, event)
    if (!stop) {
      if (isTransactionEnd(event)) last = event
      return undefined
    }
    const { where, record } = stop
    const ends = record.kind === 'watched' ? record.event : record
    return { where, record, last: where === 'after' && ends && isTransactionEnd(ends) ? ends : last }
  }
}

interface StopAt {
  readonly where: Stop['where']
  readonly record: WalEvent | WatchedRecord
}

function stopAt(target: RecoveryTarget, event: ReadEvent): StopAt | undefined {
  switch (target.kind) {
    case 'time':
      if (!isTransactionEnd(event)) return undefined
      return event.time > target.time || (event.time === target.time && !target.inclusive)
        ? { where: 'before', record: event }
        : undefined
    case 'xid':
      if (!isTransactionEnd(event) || event.xid !== xidInWal(target.xid)) return undefined
      return { where: target.inclusive ? 'after' : 'before', record: event }
    case 'lsn':
      if (event.kind !== 'watched') return undefined
      return { where: target.inclusive ? 'after' : 'before', record: event }
    case 'name':
      return event.kind === 'restore point' && event.name === target.name
        ? { where: 'after', record: event }
        : undefined
    case 'latest':
    case 'immediate':
      return undefined
    default:
      return unreachable(target)
  }
}

export function isTransactionEnd(event: ReadEvent): event is TransactionEnd {
  return event.kind === 'commit' || event.kind === 'abort'
}
