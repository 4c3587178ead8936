/** Decides only: what of a transaction is worth telling. */
import type { NamePattern } from '../../postgres/dump-archive/name-pattern.ts'
import type {
  CommittedTransaction,
  DatabaseEvent,
  DatabaseName,
  RelationEvent,
} from '../../postgres/table-history/events.ts'
import type { FindRequest, Finding } from './report.ts'

export type KnownTable = (pattern: NamePattern, database: DatabaseName) => boolean

/** `isKnown`: whether a database has, or had, a table of that name. */
export function findingsOf(
  transaction: CommittedTransaction,
  request: FindRequest,
  isKnown: KnownTable,
): readonly Finding[] {
  if (!isWithin(transaction, request)) return []
  const { xid, time, beforeLsn, commitLsn, walBytes } = transaction
  return transaction.events
    .filter(event => isWanted(event, request, isKnown))
    .map(event => ({ ...event, xid, time, beforeLsn, commitLsn, walBytes }))
}

export function isWithin({ time }: CommittedTransaction, { from, to }: FindRequest): boolean {
  return (from === undefined || time >= from) && (to === undefined || time <= to)
}

function isWanted(event: RelationEvent | DatabaseEvent, request: FindRequest, isKnown: KnownTable): boolean {
  const { tables, database, deletedRowsMin } = request
  if (database !== undefined && event.database.name !== database) return false
  if (!('oid' in event))
    return tables.length === 0 || tables.some(pattern => isKnown(pattern, event.database))
  if (event.kind === 'deleted' && (event.rows ?? 0) < deletedRowsMin) return false
  if (tables.length === 0) return true
  if (!isTable(event.relationKind)) return false
  return tables.some(
    pattern =>
      matches(pattern, event.schema, event.name) ||
      (event.became !== undefined && matches(pattern, event.became.schema, event.became.name)),
  )
}

/** Tables, partitioned ones, views of both kinds, foreign tables and sequences. */
export const isTable = (relationKind: string): boolean => 'rpmvfS'.includes(relationKind)

export function matches(pattern: NamePattern, schema: string, name: string): boolean {
  return pattern.name.test(name) && (pattern.schema?.test(schema) ?? true)
}
