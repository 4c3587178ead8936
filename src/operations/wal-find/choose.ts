/** Decides only: what of a transaction is worth telling. */
import type { NamePattern } from '../../postgres/dump-archive/name-pattern.ts'
import type {
  CommittedTransaction,
  DatabaseName,
  HistoryEvent,
  RelationEvent,
  SchemaEvent,
} from '../../postgres/table-history/events.ts'
import type { FindRequest, Finding } from './report.ts'

export type KnownName = (pattern: NamePattern, database: DatabaseName) => boolean

/** `isKnown`: whether a database has, or had, a table or a schema that one of the patterns of the request names. */
export function findingsOf(
  transaction: CommittedTransaction,
  request: FindRequest,
  isKnown: KnownName,
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

function isWanted(event: HistoryEvent, request: FindRequest, isKnown: KnownName): boolean {
  const { tables, schemas, database, deletedRowsMin } = request
  if (database !== undefined && event.database.name !== database) return false
  if (event.kind === 'deleted' && (event.rows ?? 0) < deletedRowsMin) return false
  if (tables.length + schemas.length === 0) return true
  if ('oid' in event && !isTable(event.relationKind)) return false
  return (
    tables.some(pattern => isOfTable(event, pattern, isKnown)) ||
    schemas.some(pattern => isOfSchema(event, pattern, isKnown))
  )
}

/** Whether it happened to a table of that name: by itself, with its database, or when its schema got another name. */
export function isOfTable(event: HistoryEvent, pattern: NamePattern, isKnown: KnownName): boolean {
  if ('oid' in event) return placesOf(event).some(({ schema, name }) => matches(pattern, schema, name))
  if (!('schema' in event)) return isKnown(pattern, event.database)
  if (event.kind !== 'schema renamed' || !isKnown(pattern, event.database)) return false
  return namesOf(event).some(name => pattern.schema?.test(name) ?? false)
}

/** Whether it happened to a schema of that name, to something in it, or to its database. */
export function isOfSchema(event: HistoryEvent, pattern: NamePattern, isKnown: KnownName): boolean {
  if ('oid' in event) return placesOf(event).some(({ schema }) => pattern.name.test(schema))
  if (!('schema' in event)) return isKnown(pattern, event.database)
  return namesOf(event).some(name => pattern.name.test(name))
}

/** Before and after. */
export const placesOf = (
  event: RelationEvent,
): readonly { readonly schema: string; readonly name: string }[] =>
  event.became ? [event, event.became] : [event]
const namesOf = ({ schema, renamedTo }: SchemaEvent): readonly string[] =>
  renamedTo === undefined ? [schema] : [schema, renamedTo]

/** Tables, partitioned ones, views of both kinds, foreign tables and sequences. */
export const isTable = (relationKind: string): boolean => 'rpmvfS'.includes(relationKind)

export function matches(pattern: NamePattern, schema: string, name: string): boolean {
  return pattern.name.test(name) && (pattern.schema?.test(schema) ?? true)
}
