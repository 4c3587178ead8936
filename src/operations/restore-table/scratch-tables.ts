/** The tables in a scratch cluster: found by their names, proven whole, and made ready to be dumped under a schema of their own. */
import { limits } from '../../base/limits.ts'
import type { Server, SqlRow } from '../../postgres/connection.ts'
import { quoteIdentifier } from '../../postgres/dump-archive/database-statements.ts'
import type { NamePattern } from '../../postgres/dump-archive/name-pattern.ts'
import { matches } from '../wal-find/choose.ts'
import type { Staging } from './staging.ts'

export interface ScratchTable {
  readonly oid: number
  readonly schema: string
  readonly name: string
  readonly rows: number
  /** PostgreSQL empties it at every recovery. */
  readonly isUnlogged: boolean
}

/** For statements whose time depends on how much there is. */
export const longStatement = { timeoutMs: limits.dumpStatementMsMax }

interface FoundRow extends SqlRow {
  readonly oid: number
  readonly schema: string
  readonly name: string
  readonly isUnlogged: boolean
}

/** `withChildren`: their partitions, and what inherits from them, too. */
export async function findTables(
  server: Server,
  patterns: readonly NamePattern[],
  { withChildren }: { readonly withChildren: boolean },
  signal: AbortSignal,
): Promise<readonly Omit<ScratchTable, 'rows'>[]> {
  const all = await server.query<FoundRow>(
    `SELECT c.oid, n.nspname AS schema, c.relname AS name, c.relpersistence = 'u' AS "isUnlogged"
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
  for (let before = withChildren ? -1 : wanted.size; before !== wanted.size;) {
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

/** Materialized views are not brought, and may stand there without indexes: pg_dump has to see that they have some. */
export async function showIndexes(server: Server, signal: AbortSignal): Promise<void> {
  await server.query(
    `UPDATE pg_catalog.pg_class c SET relhasindex = true
      WHERE relkind = 'm' AND NOT relhasindex AND EXISTS (SELECT FROM pg_catalog.pg_index WHERE indrelid = c.oid)`,
    [],
    signal,
  )
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
  /** For people, without its schema. */
  readonly table: string
  readonly name: string
  /** The whole statement. */
  readonly statement: string
}

/** A partition, or a child, of a table that does not come along. */
export interface Severed {
  readonly oid: number
  /** With its schema, as it stands in a statement. */
  readonly parent: string
  /** `FOR VALUES …`; null for one that only inherits. */
  readonly bound: string | null
}

/** An object of CREATE STATISTICS, of which pg_dump takes no notice when it is asked for tables. */
export interface Statistics {
  readonly name: string
  /** Where it was: it need not be that of its table. */
  readonly schema: string
  /** Make it, with its owner, target and comment. */
  readonly statements: readonly string[]
}

export interface Gathered {
  readonly keys: readonly ForeignKey[]
  readonly statistics: readonly Statistics[]
  readonly severed: readonly Severed[]
}

/** Moves the tables into a schema of their own, so that what is dumped of them names that; their foreign keys are told apart. */
export async function gatherTables(
  server: Server,
  tables: readonly ScratchTable[],
  staging: Pick<Staging, 'schemas' | 'of'>,
  signal: AbortSignal,
): Promise<Gathered> {
  const run = (sql: string): Promise<unknown> => server.query(sql, [], signal, longStatement)
  const oids = tables.map(({ oid }) => oid)
  const severed = await severFromParents(server, oids, signal)
  for (const schema of staging.schemas) await run(`CREATE SCHEMA ${quoteIdentifier(schema)}`)
  for (const each of tables)
    await run(
      `ALTER TABLE ${quoteIdentifier(each.schema)}.${quoteIdentifier(each.name)} SET SCHEMA ${quoteIdentifier(staging.of(each))}`,
    )
  const statistics = await takeStatistics(server, tables, staging, signal)
  return { keys: await takeForeignKeys(server, oids, 'all', signal), statistics, severed }
}

/** They lie in schemas of their own, and stay there when a table goes. */
async function takeStatistics(
  server: Server,
  tables: readonly ScratchTable[],
  staging: Pick<Staging, 'of'>,
  signal: AbortSignal,
): Promise<readonly Statistics[]> {
  const found = await server.query<StatisticsRow>(
    `SELECT s.oid, s.stxrelid AS "table", s.stxname AS name, n.nspname AS schema, pg_catalog.format('%I.%I', n.nspname, s.stxname) AS place,
            pg_catalog.pg_get_userbyid(s.stxowner) AS owner, s.stxstattarget AS target,
            pg_catalog.quote_literal(pg_catalog.obj_description(s.oid, 'pg_statistic_ext')) AS comment
       FROM pg_catalog.pg_statistic_ext s JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace
      WHERE s.stxrelid = ANY ($1::oid[]) ORDER BY 3`,
    [`{${tables.map(({ oid }) => oid).join(',')}}`],
    signal,
  )
  const taken: Statistics[] = []
  for (const { oid, table, name, schema: home, place, owner, target, comment } of found) {
    const whose = tables.find(each => each.oid === table) ?? { schema: home }
    const schema = quoteIdentifier(staging.of(whose))
    const own = `${schema}.${quoteIdentifier(name)}`
    await server.query(`ALTER STATISTICS ${place} SET SCHEMA ${schema}`, [], signal)
    const [row] = await server.query<{ definition: string }>(
      'SELECT pg_catalog.pg_get_statisticsobjdef($1::oid) AS definition',
      [oid],
      signal,
    )
    await server.query(`DROP STATISTICS ${own}`, [], signal)
    taken.push({
      name,
      schema: home,
      statements: [
        row?.definition ?? '',
        `ALTER STATISTICS ${own} OWNER TO ${quoteIdentifier(owner)}`,
        ...(target === null || target < 0
          ? []
          : [`ALTER STATISTICS ${own} SET STATISTICS ${String(target)}`]),
        ...(comment === null ? [] : [`COMMENT ON STATISTICS ${own} IS ${comment}`]),
      ],
    })
  }
  return taken
}

interface StatisticsRow extends SqlRow {
  readonly oid: number
  readonly table: number
  readonly name: string
  readonly schema: string
  readonly place: string
  readonly owner: string
  readonly target: number | null
  /** As it stands in a statement. */
  readonly comment: string | null
}

/** Else pg_dump would have them attached to the tables of the live server that are called like their parents. */
async function severFromParents(
  server: Server,
  oids: readonly number[],
  signal: AbortSignal,
): Promise<readonly Severed[]> {
  const rows = await server.query<Severed & SqlRow & { readonly child: string }>(
    `SELECT c.oid, pg_catalog.format('%I.%I', cn.nspname, c.relname) AS child, pg_catalog.format('%I.%I', pn.nspname, p.relname) AS parent,
            pg_catalog.pg_get_expr(c.relpartbound, c.oid) AS bound
       FROM pg_catalog.pg_inherits i
       JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid JOIN pg_catalog.pg_namespace cn ON cn.oid = c.relnamespace
       JOIN pg_catalog.pg_class p ON p.oid = i.inhparent JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
      WHERE i.inhrelid = ANY ($1::oid[]) AND i.inhparent <> ALL ($1::oid[])`,
    [`{${oids.join(',')}}`],
    signal,
  )
  for (const { child, parent, bound } of rows)
    await server.query(
      bound === null
        ? `ALTER TABLE ${child} NO INHERIT ${parent}`
        : `ALTER TABLE ${parent} DETACH PARTITION ${child}`,
      [],
      signal,
      longStatement,
    )
  return rows
}

/** Drops the foreign keys of these tables, or only those to other tables; what makes them again is returned. */
export async function takeForeignKeys(
  server: Server,
  oids: readonly number[],
  which: 'all' | 'to others',
  signal: AbortSignal,
): Promise<readonly ForeignKey[]> {
  const keys = await server.query<{ table: string; place: string; name: string; definition: string }>(
    `SELECT t.relname AS table, pg_catalog.format('%I.%I', n.nspname, t.relname) AS place, pg_catalog.quote_ident(c.conname) AS name,
            pg_catalog.pg_get_constraintdef(c.oid) AS definition
       FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_class t ON t.oid = c.conrelid
       JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
      WHERE c.contype = 'f' AND c.conparentid = 0 AND c.conrelid = ANY ($1::oid[])
        AND ($2 = 'all' OR c.confrelid <> ALL ($1::oid[]))`,
    [`{${oids.join(',')}}`, which],
    signal,
  )
  for (const { place, name } of keys)
    await server.query(`ALTER TABLE ${place} DROP CONSTRAINT ${name}`, [], signal, longStatement)
  return keys.map(({ table, place, name, definition }) => ({
    table,
    name,
    statement: `ALTER TABLE ${place} ADD CONSTRAINT ${name} ${definition}`,
  }))
}
