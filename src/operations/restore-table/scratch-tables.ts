/** The tables in a scratch cluster: found by their names, proven whole, and made ready to be dumped under a schema of their own. */
import { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { Server, SqlRow } from '../../postgres/connection.ts'
import { quoteIdentifier } from '../../postgres/dump-archive/database-statements.ts'
import type { NamePattern } from '../../postgres/dump-archive/name-pattern.ts'
import { matches } from '../wal-find/choose.ts'

export interface ScratchTable {
  readonly oid: number
  readonly schema: string
  readonly name: string
  readonly rows: number
}

/** For statements whose time depends on how much there is. */
export const longStatement = { timeoutMs: limits.dumpStatementMsMax }

interface FoundRow extends SqlRow {
  readonly oid: number
  readonly schema: string
  readonly name: string
}

/** With their partitions and children. */
export async function findTables(
  server: Server,
  patterns: readonly NamePattern[],
  signal: AbortSignal,
): Promise<readonly Omit<ScratchTable, 'rows'>[]> {
  const all = await server.query<FoundRow>(
    `SELECT c.oid, n.nspname AS schema, c.relname AS name
       FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p') AND c.oid >= 16384 AND c.relpersistence <> 't'
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
      ORDER BY 2, 3`,
    [],
    signal,
  )
  const children = await server.query<{ child: number; parent: number }>(
    'SELECT inhrelid AS child, inhparent AS parent FROM pg_catalog.pg_inherits',
    [],
    signal,
  )
  const wanted = new Set(
    all
      .filter(({ schema, name }) => patterns.some(pattern => matches(pattern, schema, name)))
      .map(({ oid }) => oid),
  )
  for (let before = -1; before !== wanted.size;) {
    before = wanted.size
    for (const { child, parent } of children) if (wanted.has(parent)) wanted.add(child)
  }
  return all.filter(({ oid }) => wanted.has(oid))
}

/** Files that have to be there for these tables to be read: their own, of their TOAST with its index, and of sequences. */
export async function filesOfTables(
  server: Server,
  oids: readonly number[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const rows = await server.query<{ path: string | null }>(
    `WITH t AS (SELECT oid, reltoastrelid AS toast FROM pg_catalog.pg_class WHERE oid = ANY ($1::oid[])),
     r AS (SELECT oid FROM t UNION SELECT toast FROM t WHERE toast <> 0
           UNION SELECT i.indexrelid FROM t JOIN pg_catalog.pg_index i ON i.indrelid = t.toast
           UNION SELECT d.objid FROM t JOIN pg_catalog.pg_depend d ON d.refobjid = t.oid AND d.classid = 'pg_class'::regclass
             AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
             JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S')
     SELECT pg_catalog.pg_relation_filepath(oid) AS path FROM r`,
    [`{${oids.join(',')}}`],
    signal,
  )
  return rows.flatMap(({ path }) => path ?? [])
}

/** Reads every page of them, past their indexes, which are not there. */
export async function countScratchRows(
  server: Server,
  tables: readonly Omit<ScratchTable, 'rows'>[],
  signal: AbortSignal,
): Promise<readonly ScratchTable[]> {
  const counted: ScratchTable[] = []
  await server.query('BEGIN', [], signal)
  try {
    const oids = `{${tables.map(({ oid }) => oid).join(',')}}`
    await server.query(
      'UPDATE pg_catalog.pg_class SET relhasindex = false WHERE oid = ANY ($1::oid[])',
      [oids],
      signal,
    )
    for (const table of tables) {
      const name = `${quoteIdentifier(table.schema)}.${quoteIdentifier(table.name)}`
      const [row] = await server.query<{ rows: string }>(
        `SELECT pg_catalog.count(*) AS rows FROM ONLY ${name}`,
        [],
        signal,
        longStatement,
      )
      counted.push({ ...table, rows: Number(row?.rows) })
    }
  } finally {
    await server.query('ROLLBACK', [], AbortSignal.timeout(limits.postgresStatementMsMax))
  }
  return counted
}

/** What of a table is made again after its rows are there, by itself: it may lean on rows that are elsewhere. */
export interface ForeignKey {
  readonly table: string
  readonly name: string
  /** The whole statement. */
  readonly statement: string
}

/** Moves the tables into a schema of their own, so that what is dumped of them names that; their foreign keys are told apart. */
export async function gatherTables(
  server: Server,
  tables: readonly ScratchTable[],
  staging: string,
  signal: AbortSignal,
): Promise<readonly ForeignKey[]> {
  const run = (sql: string): Promise<unknown> => server.query(sql, [], signal, longStatement)
  const schema = quoteIdentifier(staging)
  await run(`CREATE SCHEMA ${schema}`)
  for (const each of tables)
    await run(
      `ALTER TABLE ${quoteIdentifier(each.schema)}.${quoteIdentifier(each.name)} SET SCHEMA ${schema}`,
    )
  const keys = await server.query<{ table: string; name: string; definition: string }>(
    `SELECT t.relname AS table, c.conname AS name, pg_catalog.pg_get_constraintdef(c.oid) AS definition
       FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_class t ON t.oid = c.conrelid
      WHERE c.contype = 'f' AND c.conparentid = 0 AND c.conrelid = ANY ($1::oid[])`,
    [`{${tables.map(({ oid }) => oid).join(',')}}`],
    signal,
  )
  for (const { table, name } of keys)
    await run(`ALTER TABLE ${schema}.${quoteIdentifier(table)} DROP CONSTRAINT ${quoteIdentifier(name)}`)
  return keys.map(({ table, name, definition }) => ({
    table,
    name,
    statement: `ALTER TABLE ${schema}.${quoteIdentifier(table)} ADD CONSTRAINT ${quoteIdentifier(name)} ${definition}`,
  }))
}

export function notThere(tables: readonly string[], target: string): Fault {
  return new Fault('TARGET_UNREACHABLE', `there is no table ${tables.join(', ')} at ${target}`, {
    hint: 'See with holdfast wal find --table when it was there; name it as psql takes it, and its database with --database.',
  })
}
