/** What `wal find` looks for, and what it tells. */
import type { NamePattern } from '../../postgres/dump-archive/name-pattern.ts'
import type { CommittedTransaction, HistoryEvent } from '../../postgres/table-history/events.ts'
import type { Lsn } from '../../wal/lsn.ts'
import type { Micros } from '../../wal/time.ts'

export interface FindRequest {
  /** None, and no schemas: everything between two times. */
  readonly tables: readonly NamePattern[]
  /** By their names alone: what happened to them, and to what is in them. */
  readonly schemas: readonly NamePattern[]
  /** Only in this database. */
  readonly database: string | undefined
  readonly from: Micros | undefined
  readonly to: Micros | undefined
  /** Begin with this backup, and read on from it to the end. */
  readonly backupId: string | undefined
  /** Deletes of fewer rows by one transaction are not told. */
  readonly deletedRowsMin: number
}

/** One thing that happened, and the target that brings back what was just before. */
export type Finding = HistoryEvent &
  Pick<CommittedTransaction, 'xid' | 'time' | 'beforeLsn' | 'commitLsn' | 'walBytes'>

/** A stretch of WAL that was read, from a backup's start. */
export interface SearchedSpan {
  readonly backup: string
  readonly fromLsn: Lsn
  readonly toLsn: Lsn
  readonly segments: number
  readonly commits: number
  readonly lastCommit: Micros | undefined
  /** Why it could not be read further; undefined when it was read as far as was wanted or is stored. */
  readonly trouble: string | undefined
}

/** A table or a schema that was asked for, and is in no catalogue that was read. */
export interface UnknownName {
  readonly pattern: NamePattern
  /** What is called nearly so, as it is to be written; at most `limits.walFindNearMax`. */
  readonly near: readonly string[]
}

export interface FindReport {
  /** Oldest first. */
  readonly findings: readonly Finding[]
  /** Only when no table was named: every transaction that committed. At most `limits.walFindListedMax`; oldest first. */
  readonly transactions: readonly CommittedTransaction[]
  readonly transactionsFound: number
  readonly spans: readonly SearchedSpan[]
  /** Backups that could not be begun with, and why. */
  readonly passedOver: readonly { readonly id: string; readonly why: string }[]
  readonly unknown: readonly UnknownName[]
  /** Databases that the catalogues of the backups name. */
  readonly databases: readonly string[]
}

/** Something is gone that was there before. */
export function isLoss({ kind }: Finding): boolean {
  return !noLosses.has(kind)
}

const noLosses: ReadonlySet<Finding['kind']> = new Set([
  'created',
  'altered',
  'renamed',
  'rewritten',
  'schema created',
  'schema renamed',
  'database created',
])
