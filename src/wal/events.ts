/** What recovery looks for in the WAL: where transactions end, what has a name, where histories part. */
import type { Lsn } from './lsn.ts'
import type { Micros } from './time.ts'

/** Where a record lies: from its first byte to the first byte after it (both as PostgreSQL prints them). */
export interface RecordPlace {
  readonly startLsn: Lsn
  readonly endLsn: Lsn
}

export interface TransactionEnd extends RecordPlace {
  readonly kind: 'commit' | 'abort'
  /** Of the top-level transaction: the low 32 bits, all that the WAL holds. */
  readonly xid: number
  readonly time: Micros
}

export interface RestorePoint extends RecordPlace {
  readonly kind: 'restore point'
  readonly name: string
  readonly time: Micros
}

export interface Checkpoint extends RecordPlace {
  readonly kind: 'checkpoint'
  readonly isShutdown: boolean
  readonly redoLsn: Lsn
  readonly timeline: number
  readonly previousTimeline: number
  /** All of it, with the epoch that the ids in other records lack. */
  readonly nextXid: bigint
}

export interface EndOfRecovery extends RecordPlace {
  readonly kind: 'end of recovery'
  readonly time: Micros
  readonly timeline: number
  readonly previousTimeline: number
}

export type WalEvent =
  | TransactionEnd
  | RestorePoint
  | Checkpoint
  | EndOfRecovery
  | (RecordPlace & { readonly kind: 'prepare'; readonly xid: number })
  /** A base backup that began at `backupStartLsn` is consistent from here on. */
  | (RecordPlace & { readonly kind: 'backup end'; readonly backupStartLsn: Lsn })
  /** The rest of the segment is empty. */
  | (RecordPlace & { readonly kind: 'switch' })

/** What a reader of consecutive segments tells. */
export type ReadEvent = WalEvent | WatchedRecord | EndOfReading

/** The first record that begins at or after the position that was asked for; told before the record's own event. */
export interface WatchedRecord extends RecordPlace {
  readonly kind: 'watched'
  /** Undefined for the many kinds of records that are no events. */
  readonly event: WalEvent | undefined
}

/** Always the last one. */
export interface EndOfReading {
  readonly kind: 'end'
  /** The last whole record; undefined when there was none. */
  readonly lastRecord: RecordPlace | undefined
  /** Why PostgreSQL would read no further; undefined when simply no more segments were given. */
  readonly trouble: string | undefined
}
