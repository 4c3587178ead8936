/**
 * Where tables are between the scratch cluster and their place in the live server. What goes into one schema comes by way of one;
 * tables that go back to where they were come by one for each of their schemas, so that what has the same name stays apart.
 */
import { Fault } from '../../base/fault.ts'
import type { Server, SqlRow } from '../../postgres/connection.ts'
import type { Destination } from './live-tables.ts'
import type { ScratchTable } from './scratch-tables.ts'

type Whose = Pick<ScratchTable, 'oid' | 'schema'>

export interface Staging {
  readonly schemas: readonly string[]
  of(table: Pick<Whose, 'schema'>): string
  /** Where what a table replaces is kept. */
  oldSchemaOf(table: Pick<Whose, 'schema'>, oldSchema: string): string
}

export function stagingOf(
  tables: readonly Whose[],
  { staging, destination }: { readonly staging: string; readonly destination: Destination },
): Staging {
  const homes = destination.kind === 'replace' ? [...new Set(tables.map(({ schema }) => schema))] : []
  const numbered = (name: string, { schema }: Pick<Whose, 'schema'>): string => {
    const number = homes.indexOf(schema)
    return number > 0 ? `${name}_${String(number + 1)}` : name
  }
  const of = (table: Pick<Whose, 'schema'>): string => numbered(staging, table)
  return {
    schemas: [...new Set([staging, ...tables.map(of)])],
    of,
    oldSchemaOf: (table, oldSchema) => numbered(oldSchema, table),
  }
}

interface NameRow extends SqlRow {
  readonly table: number
  readonly name: string
  readonly kind: string
}

/** Tables, indexes and sequences of one schema have different names: USAGE when they would not fit into it. */
export async function assertNamesApart(
  server: Server,
  tables: readonly Whose[],
  staging: Staging,
  signal: AbortSignal,
): Promise<void> {
  const rows = await server.query<NameRow>(
    `WITH parts AS (
       SELECT oid AS "table", oid FROM pg_catalog.unnest($1::oid[]) oid
       UNION ALL SELECT indrelid, indexrelid FROM pg_catalog.pg_index WHERE indrelid = ANY ($1::oid[])
       UNION ALL SELECT refobjid, objid FROM pg_catalog.pg_depend
         WHERE refobjid = ANY ($1::oid[]) AND deptype IN ('a', 'i')
           AND classid = 'pg_catalog.pg_class'::regclass AND refclassid = 'pg_catalog.pg_class'::regclass)
     SELECT DISTINCT p."table", p.oid, c.relname::text AS name, c.relkind::text AS kind
       FROM parts p JOIN pg_catalog.pg_class c ON c.oid = p.oid WHERE c.relkind IN ('i', 'I', 'S') OR p.oid = p."table"`,
    [`{${tables.map(({ oid }) => oid).join(',')}}`],
    signal,
  )
  const seen = new Set<string>()
  for (const { table, name, kind } of rows) {
    const key = JSON.stringify([staging.of(tables.find(({ oid }) => oid === table) ?? { schema: '' }), name])
    if (seen.has(key)) throw namedAlike(name, kind)
    seen.add(key)
  }
}

function namedAlike(name: string, kind: string): Fault {
  const what = { S: 'have a sequence called', i: 'have an index called', I: 'have an index called' }[kind]
  return new Fault(
    'USAGE',
    `two of the tables ${what ?? 'are called'} ${name}, and they would be in one schema`,
    {
      hint: 'Restore tables of different schemas one after another, or to where they were (--replace).',
    },
  )
}
