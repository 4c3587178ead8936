/** What the WAL tells of tables: which transaction did what to which of them. */
import type { Lsn } from '../../wal/lsn.ts'
import type { Micros } from '../../wal/time.ts'

export type RelationEventKind =
  | 'created'
  | 'dropped'
  | 'truncated'
  /** It got new files with its rows in them: VACUUM FULL, CLUSTER, ALTER TABLE that changes every row, another tablespace. */
  | 'rewritten'
  | 'renamed'
  /** Anything else that changes its row in pg_class. */
  | 'altered'
  /** Rows of it were deleted. */
  | 'deleted'

export interface RelationEvent {
  readonly kind: RelationEventKind
  readonly database: DatabaseName
  readonly schema: string
  readonly name: string
  /** What it was called afterwards: another schema, another name. */
  readonly became: { readonly schema: string; readonly name: string } | undefined
  readonly oid: number
  /** As pg_class has it: `r` for a table. */
  readonly relationKind: string
  /** Of `deleted`. */
  readonly rows: number | undefined
}

/** Of a schema itself, which may have no table in it. */
export interface SchemaEvent {
  readonly kind: 'schema created' | 'schema dropped' | 'schema renamed'
  readonly database: DatabaseName
  readonly schema: string
  /** What it was called afterwards. */
  readonly renamedTo: string | undefined
}

export interface DatabaseEvent {
  readonly kind: 'database created' | 'database dropped'
  readonly database: DatabaseName
}

export interface DatabaseName {
  readonly oid: number
  /** Undefined when the catalogue did not tell. */
  readonly name: string | undefined
}

/** A transaction that was committed. */
export interface CommittedTransaction {
  readonly xid: number
  readonly time: Micros
  /**
   * Recovery that stops just before this position, `--to-lsn … --exclusive`, has all that was before the transaction, and
   * nothing of it: where its commit is, or where it began to make a database unusable, which needs no commit.
   */
  readonly beforeLsn: Lsn
  readonly commitLsn: Lsn
  readonly endLsn: Lsn
  /** WAL that it wrote, with that of its sub-transactions: what was seen of it. */
  readonly walBytes: number
  readonly records: number
  readonly isReplicated: boolean
  /** It changed a catalogue: some DDL, also where no event tells which. */
  readonly changesCatalogue: boolean
  readonly events: readonly HistoryEvent[]
}

export type HistoryEvent = RelationEvent | SchemaEvent | DatabaseEvent
