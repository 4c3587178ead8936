/** Decides only: from what a transaction did to pg_class and to files, what became of each relation. */
import { catalogueNamespace, toastNamespace, type ClassRow } from '../heap/catalogue-rows.ts'
import type { Catalogues, ClassChange, SchemaChange } from './catalogues.ts'
import type { DatabaseEvent, HistoryEvent, RelationEvent, RelationEventKind, SchemaEvent } from './events.ts'
import type { OpenTransaction } from './open-transactions.ts'

interface Fate {
  readonly database: number
  first: ClassRow | undefined
  last: ClassRow | undefined
  wasThere: boolean
  isThere: boolean
  newFile: 'empty' | 'filled' | undefined
}

export function summarise(
  { deeds, deleted }: Pick<OpenTransaction, 'deeds' | 'deleted'>,
  catalogues: Catalogues,
): readonly HistoryEvent[] {
  const fates = new Map<string, Fate>()
  const schemas = new Map<string, SchemaChange>()
  const databases: DatabaseEvent[] = []
  for (const deed of deeds) {
    if (deed.kind === 'database') databases.push(deed.event)
    else if (deed.kind === 'emptied') {
      const owner = catalogues.ownerOf(deed.file)
      const fate = owner && fateOf(fates, deed.file.database, owner, true)
      if (fate) fate.newFile ??= 'empty'
    } else if (deed.kind === 'schema') noteSchema(schemas, deed.change)
    else noteChange(fates, deed.change)
  }
  const events = [...fates.values()].flatMap(fate => eventsOf(fate, catalogues))
  for (const { file, rows } of deleted.values()) {
    const owner = catalogues.ownerOf(file)
    if (owner && isTold(owner))
      events.push(eventOf('deleted', file.database, owner, undefined, catalogues, rows))
  }
  const ofSchemas = [...schemas.values()].flatMap(change => schemaEvents(change, catalogues))
  return [...databases, ...ofSchemas, ...events]
}

/** Of users: not of catalogues, of what belongs to a table as its TOAST does, or of one session. */
export function isTold({ namespace, persistence }: ClassRow): boolean {
  return namespace !== catalogueNamespace && namespace !== toastNamespace && persistence !== 't'
}

/** From before the first of its changes to after the last. */
function noteSchema(schemas: Map<string, SchemaChange>, change: SchemaChange): void {
  const key = `${String(change.database)}/${String(change.oid)}`
  schemas.set(key, { ...change, before: (schemas.get(key) ?? change).before })
}

function schemaEvents({ database: oid, before, after }: SchemaChange, catalogues: Catalogues): SchemaEvent[] {
  const schema = before ?? after
  // PostgreSQL's own are those of one session.
  if (schema === undefined || schema.startsWith('pg_') || before === after) return []
  const database = catalogues.databaseName(oid)
  if (before === undefined) return [{ kind: 'schema created', database, schema, renamedTo: undefined }]
  if (after === undefined) return [{ kind: 'schema dropped', database, schema, renamedTo: undefined }]
  return [{ kind: 'schema renamed', database, schema, renamedTo: after }]
}

function noteChange(fates: Map<string, Fate>, { database, before, after, fileCameFrom }: ClassChange): void {
  const row = before ?? after
  if (!row) return
  const fate = fateOf(fates, database, row, before !== undefined)
  fate.last = after ?? before
  fate.isThere = after !== undefined
  if (!before || !after || (before.file === after.file && before.tablespace === after.tablespace)) return
  const isFilled = fileCameFrom !== undefined || before.tablespace !== after.tablespace
  fate.newFile = isFilled || fate.newFile === 'filled' ? 'filled' : 'empty'
}

function fateOf(fates: Map<string, Fate>, database: number, row: ClassRow, wasThere: boolean): Fate {
  const key = `${String(database)}/${String(row.oid)}`
  const known = fates.get(key)
  if (known) return known
  const fate: Fate = { database, first: row, last: row, wasThere, isThere: true, newFile: undefined }
  fates.set(key, fate)
  return fate
}

function eventsOf(
  { database, first, last, wasThere, isThere, newFile }: Fate,
  catalogues: Catalogues,
): RelationEvent[] {
  if (!first || !last || (!wasThere && !isThere) || !isTold(first)) return []
  const event = (kind: RelationEventKind): RelationEvent =>
    eventOf(kind, database, first, isThere ? last : undefined, catalogues, undefined)
  if (!wasThere) return [eventOf('created', database, last, undefined, catalogues, undefined)]
  if (!isThere) return [event('dropped')]
  const events: RelationEvent[] = []
  if (newFile !== undefined) events.push(event(newFile === 'filled' ? 'rewritten' : 'truncated'))
  if (first.name !== last.name || first.namespace !== last.namespace) events.push(event('renamed'))
  return events.length > 0 ? events : [event('altered')]
}

function eventOf(
  kind: RelationEventKind,
  database: number,
  row: ClassRow,
  last: ClassRow | undefined,
  catalogues: Catalogues,
  rows: number | undefined,
): RelationEvent {
  const schema = catalogues.schemaName(database, row.namespace)
  const isRenamed = last !== undefined && (last.name !== row.name || last.namespace !== row.namespace)
  return {
    kind,
    database: catalogues.databaseName(database),
    schema,
    name: row.name,
    became: isRenamed
      ? { schema: catalogues.schemaName(database, last.namespace), name: last.name }
      : undefined,
    oid: row.oid,
    relationKind: row.kind,
    rows,
  }
}
