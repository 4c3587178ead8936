/**
 * The live server's side: what is in the way is found before anything is done; the tables come into a schema that nobody
 * looks at; and they get to where they belong in one transaction, which is all that others see.
 */
import { Fault, messageOf } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { Server } from '../../postgres/connection.ts'
import { quoteIdentifier } from '../../postgres/dump-archive/database-statements.ts'
import { longStatement, type ForeignKey, type ScratchTable } from './scratch-tables.ts'

/** Where the tables go. */
export type Destination =
  /** Into this schema, under their own names. */
  | { readonly kind: 'into'; readonly schema: string }
  /** Beside the original, in its schema. */
  | { readonly kind: 'as'; readonly name: string }
  /** In place of the originals, which are moved into another schema. */
  | { readonly kind: 'replace'; readonly oldSchema: string }

export interface Placed {
  readonly from: string
  readonly schema: string
  readonly name: string
  readonly rows: number
  /** Where what it replaced is now. */
  readonly replaced: string | undefined
}

export const placeOf = (
  { schema, name }: Pick<ScratchTable, 'schema' | 'name'>,
  destination: Destination,
): { readonly schema: string; readonly name: string } => ({
  schema: destination.kind === 'into' ? destination.schema : schema,
  name: destination.kind === 'as' ? destination.name : name,
})

/** What would have to be dropped, or would go on using the old table, is named. Changes nothing. */
export async function assertFree(
  live: Server,
  tables: readonly Pick<ScratchTable, 'schema' | 'name'>[],
  destination: Destination,
  signal: AbortSignal,
): Promise<void> {
  for (const table of tables) {
    const { schema, name } = placeOf(table, destination)
    const there = await oidOf(live, schema, name, signal)
    if (there === undefined) continue
    if (destination.kind !== 'replace')
      throw new Fault('USAGE', `${schema}.${name} is there already in ${live.database}`, {
        hint: 'Give another place, --into SCHEMA or --as NAME; or --replace to put the restored table in its place.',
      })
    const leaning = await dependents(live, there, tables, signal)
    if (leaning.length > 0)
      throw new Fault(
        'USAGE',
        `${schema}.${name} can not be replaced: ${leaning.join(', ')} would go on with the old one`,
        {
          hint: 'Restore it beside the old one with --into SCHEMA and copy the rows in SQL; or drop what leans on it first, and make it anew afterwards.',
        },
      )
  }
}

async function oidOf(
  live: Server,
  schema: string,
  name: string,
  signal: AbortSignal,
): Promise<number | undefined> {
  const [row] = await live.query<{ oid: number }>(
    `SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = $1 AND c.relname = $2`,
    [schema, name],
    signal,
  )
  return row?.oid
}

/** Foreign keys, views and children of others than the tables that are replaced. */
async function dependents(
  live: Server,
  oid: number,
  tables: readonly Pick<ScratchTable, 'schema' | 'name'>[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const rows = await live.query<{ what: string; schema: string; name: string }>(
    `SELECT DISTINCT d.what, n.nspname AS schema, c.relname AS name
       FROM (SELECT 'the foreign key ' || conname || ' of ' AS what, conrelid AS relid FROM pg_catalog.pg_constraint
              WHERE contype = 'f' AND confrelid = $1::oid AND conrelid <> $1::oid
             UNION ALL
             SELECT 'the view ', r.ev_class FROM pg_catalog.pg_depend p JOIN pg_catalog.pg_rewrite r ON r.oid = p.objid
              WHERE p.classid = 'pg_rewrite'::regclass AND p.refclassid = 'pg_class'::regclass AND p.refobjid = $1::oid
                AND r.ev_class <> $1::oid
             UNION ALL
             SELECT 'the child ', inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = $1::oid
             UNION ALL
             SELECT 'the parent ', inhparent FROM pg_catalog.pg_inherits WHERE inhrelid = $1::oid) d
       JOIN pg_catalog.pg_class c ON c.oid = d.relid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace`,
    [oid],
    signal,
  )
  return rows
    .filter(({ schema, name }) => !tables.some(table => table.schema === schema && table.name === name))
    .map(({ what, schema, name }) => `${what}${schema}.${name}`)
}

export async function assertSameRows(
  live: Server,
  tables: readonly ScratchTable[],
  staging: string,
  signal: AbortSignal,
): Promise<void> {
  for (const { name, rows } of tables) {
    const [row] = await live.query<{ rows: string }>(
      `SELECT pg_catalog.count(*) AS rows FROM ONLY ${quoteIdentifier(staging)}.${quoteIdentifier(name)}`,
      [],
      signal,
      longStatement,
    )
    if (Number(row?.rows) !== rows)
      throw new Fault(
        'ROWS_DIFFER',
        `${name} has ${row?.rows ?? 'no'} rows in the live server, and ${String(rows)} in the scratch cluster`,
        {
          hint: 'Nothing was put in its place. Look for triggers or rules that a schema of the live server adds, and report this if there are none.',
        },
      )
  }
}

/** Each by itself: rows that it leans on may be gone. Returns what could not be made, and why. */
export async function addForeignKeys(
  live: Server,
  keys: readonly ForeignKey[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const failed: string[] = []
  for (const { table, name, statement } of keys) {
    try {
      await live.query(statement, [], signal, longStatement)
    } catch (error) {
      signal.throwIfAborted()
      failed.push(`the foreign key ${name} of ${table} was left out: ${messageOf(error)}`)
    }
  }
  return failed
}

/** One transaction: others see the tables where they belong, or nothing of it. */
export async function putInPlace(
  live: Server,
  tables: readonly ScratchTable[],
  { staging, destination }: { readonly staging: string; readonly destination: Destination },
  signal: AbortSignal,
): Promise<readonly Placed[]> {
  const run = (sql: string): Promise<unknown> => live.query(sql, [], signal, longStatement)
  const placed: Placed[] = []
  await run('BEGIN')
  try {
    // What came since the first look is found, and what is to be replaced stays as it is until the end.
    if (destination.kind === 'replace')
      for (const { schema, name } of tables)
        if ((await oidOf(live, schema, name, signal)) !== undefined)
          await run(`LOCK TABLE ${quoteIdentifier(schema)}.${quoteIdentifier(name)} IN ACCESS EXCLUSIVE MODE`)
    await assertFree(live, tables, destination, signal)
    for (const table of tables)
      placed.push(await placeOne(live, table, { staging, destination }, run, signal))
    await run(`DROP SCHEMA ${quoteIdentifier(staging)}`)
    await run('COMMIT')
  } catch (error) {
    if (!live.lost.aborted)
      await live.query('ROLLBACK', [], AbortSignal.timeout(limits.postgresStatementMsMax))
    throw error
  }
  return placed
}

async function placeOne(
  live: Server,
  table: ScratchTable,
  { staging, destination }: { readonly staging: string; readonly destination: Destination },
  run: (sql: string) => Promise<unknown>,
  signal: AbortSignal,
): Promise<Placed> {
  const { schema, name } = placeOf(table, destination)
  let replaced: string | undefined
  if (destination.kind === 'replace' && (await oidOf(live, schema, name, signal)) !== undefined) {
    const old = quoteIdentifier(destination.oldSchema)
    await run(`CREATE SCHEMA IF NOT EXISTS ${old}`)
    await run(`ALTER TABLE ${quoteIdentifier(schema)}.${quoteIdentifier(name)} SET SCHEMA ${old}`)
    replaced = `${destination.oldSchema}.${name}`
  }
  if (destination.kind === 'as') await renameAll(live, table, { staging, name }, run, signal)
  if (!(await schemaExists(live, schema, signal))) await run(`CREATE SCHEMA ${quoteIdentifier(schema)}`)
  await run(
    `ALTER TABLE ${quoteIdentifier(staging)}.${quoteIdentifier(name)} SET SCHEMA ${quoteIdentifier(schema)}`,
  )
  return { from: `${table.schema}.${table.name}`, schema, name, rows: table.rows, replaced }
}

const nameBytesMax = 63

/** Indexes and sequences have names of their own in the schema, which the original may have still. */
async function renameAll(
  live: Server,
  table: ScratchTable,
  { staging, name }: { readonly staging: string; readonly name: string },
  run: (sql: string) => Promise<unknown>,
  signal: AbortSignal,
): Promise<void> {
  const schema = quoteIdentifier(staging)
  const parts = await live.query<{ name: string; kind: string }>(
    `SELECT c.relname AS name, c.relkind AS kind FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = $1 AND c.relkind IN ('i', 'I', 'S')`,
    [staging],
    signal,
  )
  await run(`ALTER TABLE ${schema}.${quoteIdentifier(table.name)} RENAME TO ${quoteIdentifier(name)}`)
  for (const part of parts) {
    const rest = part.name.startsWith(table.name) ? part.name.slice(table.name.length) : `_${part.name}`
    const renamed = Buffer.from(name + rest)
      .subarray(0, nameBytesMax)
      .toString('utf8')
    const word = part.kind === 'S' ? 'SEQUENCE' : 'INDEX'
    await run(`ALTER ${word} ${schema}.${quoteIdentifier(part.name)} RENAME TO ${quoteIdentifier(renamed)}`)
  }
}

async function schemaExists(live: Server, schema: string, signal: AbortSignal): Promise<boolean> {
  const rows = await live.query('SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1', [schema], signal)
  return rows.length > 0
}
