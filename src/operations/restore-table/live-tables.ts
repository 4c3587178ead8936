/**
 * The live server's side: what is in the way is found before anything is done; the tables come into a schema that nobody
 * looks at; and they get to where they belong in one transaction, which is all that others see.
 */
import { Fault, messageOf } from '../../base/fault.ts'
import type { Server, SqlRow } from '../../postgres/connection.ts'
import { quoteIdentifier } from '../../postgres/dump-archive/database-statements.ts'
import { leaningOn, listed, nameOf, rootsOfTables } from './belongings.ts'
import { longStatement, type ForeignKey, type ScratchTable, type Statistics } from './scratch-tables.ts'
import { withShortLocks, type LockDeps } from './short-locks.ts'
import type { Staging } from './staging.ts'

/** Where the tables go. */
export type Destination =
  /** Into this schema, under their own names. */
  | { readonly kind: 'into'; readonly schema: string }
  /** Beside the original, in its schema. */
  | { readonly kind: 'as'; readonly name: string }
  /** In place of the originals, which are moved into another schema. */
  | { readonly kind: 'replace'; readonly oldSchema: string }
  /** Under their own names, which nobody has: schemas and databases. */
  | { readonly kind: 'own' }

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

/**
 * What would have to be dropped, or would go on using the old table, is named. Changes nothing. `partitionsGo`: which partitions
 * and children come with the tables is not known yet, so they are passed over.
 */
export async function assertFree(
  live: Server,
  tables: readonly Pick<ScratchTable, 'schema' | 'name'>[],
  destination: Destination,
  signal: AbortSignal,
  { partitionsGo }: { readonly partitionsGo: boolean } = { partitionsGo: false },
): Promise<void> {
  const old: number[] = []
  for (const table of tables) {
    const { schema, name } = placeOf(table, destination)
    const there = await oidOf(live, schema, name, signal)
    if (there === undefined) continue
    if (destination.kind !== 'replace')
      throw new Fault('USAGE', `${schema}.${name} is there already in ${live.database}`, {
        hint: 'Give another place, --into SCHEMA or --as NAME; or --replace to put the restored table in its place.',
      })
    old.push(there)
  }
  if (old.length === 0) return
  const all = partitionsGo ? [...old, ...(await childrenOf(live, old, signal))] : old
  await assertNobodyLeans(live, all, signal)
}

/** What is among those that are replaced goes with them. */
async function assertNobodyLeans(live: Server, old: readonly number[], signal: AbortSignal): Promise<void> {
  const leaning = await leaningOn(live, rootsOfTables(old), signal)
  const parents = await parentsOf(live, old, signal)
  if (leaning.length === 0 && parents.length === 0) return
  const all = [...leaning.map(nameOf), ...parents.map(parent => `its parent ${parent}`)]
  throw new Fault(
    'USAGE',
    `what is there can not be replaced, since others would go on with the old one: ${listed(all)}`,
    {
      hint: 'Restore it beside the old one with --into SCHEMA and copy the rows in SQL; or drop what leans on it first, and make it anew afterwards.',
    },
  )
}

async function childrenOf(
  live: Server,
  oids: readonly number[],
  signal: AbortSignal,
): Promise<readonly number[]> {
  const rows = await live.query<{ oid: number }>(
    `WITH RECURSIVE tree (oid) AS (
       SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = ANY ($1::oid[])
       UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree t ON i.inhparent = t.oid)
     SELECT oid FROM tree`,
    [`{${oids.join(',')}}`],
    signal,
  )
  return rows.map(({ oid }) => oid)
}

/** Tables that one of these is a partition or a child of, and that are not among them. */
async function parentsOf(
  live: Server,
  oids: readonly number[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const rows = await live.query<{ parent: string }>(
    `SELECT DISTINCT pg_catalog.format('%I.%I', n.nspname, c.relname) AS parent
       FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhparent
       JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE i.inhrelid = ANY ($1::oid[]) AND i.inhparent <> ALL ($1::oid[]) ORDER BY 1`,
    [`{${oids.join(',')}}`],
    signal,
  )
  return rows.map(({ parent }) => parent)
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

/** `schemaOf`: where they are in the live server. */
export async function assertSameRows(
  live: Server,
  tables: readonly ScratchTable[],
  schemaOf: (table: ScratchTable) => string,
  signal: AbortSignal,
): Promise<void> {
  for (const table of tables) {
    const { name, rows } = table
    const [row] = await live.query<{ rows: string }>(
      `SELECT pg_catalog.count(*) AS rows FROM ONLY ${quoteIdentifier(schemaOf(table))}.${quoteIdentifier(name)}`,
      [],
      signal,
      longStatement,
    )
    if (Number(row?.rows) !== rows) throw rowsDiffer(name, { live: Number(row?.rows), scratch: rows })
  }
}

export function rowsDiffer(
  name: string,
  { live, scratch }: { readonly live: number; readonly scratch: number },
): Fault {
  return new Fault(
    'ROWS_DIFFER',
    `${name} has ${String(live)} rows in the live server, and ${String(scratch)} in the scratch cluster`,
    {
      hint: 'Nothing was put in its place. Look for triggers or rules that a schema of the live server adds, and report this if there are none.',
    },
  )
}

/** Each by itself: rows that it leans on may be gone. Returns what could not be made, and why. */
export async function addForeignKeys(
  deps: LockDeps,
  keys: readonly ForeignKey[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const failed: string[] = []
  for (const { table, name, statement } of keys) {
    try {
      await withShortLocks(deps, () => deps.live.query(statement, [], signal, longStatement), signal)
    } catch (error) {
      signal.throwIfAborted()
      failed.push(`the foreign key ${name} of ${table} was left out: ${messageOf(error)}`)
    }
  }
  return failed
}

export interface Placing {
  readonly staging: Staging
  readonly destination: Destination
  /** Where they belong, when the tables get back to where they were. */
  readonly statistics: readonly Pick<Statistics, 'name' | 'schema'>[]
}

/** One transaction: others see the tables where they belong, or nothing of it. */
export function putInPlace(
  deps: LockDeps,
  tables: readonly ScratchTable[],
  how: Placing,
  signal: AbortSignal,
): Promise<readonly Placed[]> {
  const { live } = deps
  const { staging, destination } = how
  const run = (sql: string): Promise<unknown> => live.query(sql, [], signal, longStatement)
  const place = async (): Promise<readonly Placed[]> => {
    const placed: Placed[] = []
    // What came since the first look is found, and what is to be replaced stays as it is until the end.
    if (destination.kind === 'replace')
      for (const { schema, name } of tables)
        if ((await oidOf(live, schema, name, signal)) !== undefined)
          await run(`LOCK TABLE ${quoteIdentifier(schema)}.${quoteIdentifier(name)} IN ACCESS EXCLUSIVE MODE`)
    await assertFree(live, tables, destination, signal)
    for (const table of tables) placed.push(await placeOne(live, table, how, run, signal))
    for (const schema of staging.schemas) await run(`DROP SCHEMA ${quoteIdentifier(schema)}`)
    return placed
  }
  return withShortLocks(deps, place, signal)
}

async function placeOne(
  live: Server,
  table: ScratchTable,
  { staging, destination, statistics }: Placing,
  run: (sql: string) => Promise<unknown>,
  signal: AbortSignal,
): Promise<Placed> {
  const { schema, name } = placeOf(table, destination)
  const from = staging.of(table)
  let replaced: string | undefined
  if (destination.kind === 'replace' && (await oidOf(live, schema, name, signal)) !== undefined) {
    const oldSchema = staging.oldSchemaOf(table, destination.oldSchema)
    const old = quoteIdentifier(oldSchema)
    await run(`CREATE SCHEMA IF NOT EXISTS ${old}`)
    await moveStatistics(live, { schema, name }, () => oldSchema, run, signal)
    await run(`ALTER TABLE ${quoteIdentifier(schema)}.${quoteIdentifier(name)} SET SCHEMA ${old}`)
    replaced = `${oldSchema}.${name}`
  }
  if (destination.kind === 'as') await renameAll(live, table, { staging: from, name }, run, signal)
  if (!(await schemaExists(live, schema, signal))) await run(`CREATE SCHEMA ${quoteIdentifier(schema)}`)
  const homes = await existing(live, destination.kind === 'replace' ? statistics : [], signal)
  await moveStatistics(live, { schema: from, name }, one => homes.get(one) ?? schema, run, signal)
  await run(
    `ALTER TABLE ${quoteIdentifier(from)}.${quoteIdentifier(name)} SET SCHEMA ${quoteIdentifier(schema)}`,
  )
  return { from: `${table.schema}.${table.name}`, schema, name, rows: table.rows, replaced }
}

interface StatisticsPlace extends SqlRow {
  readonly name: string
  /** With its schema, as it stands in a statement. */
  readonly place: string
}

async function statisticsOf(
  live: Server,
  { schema, name }: Pick<ScratchTable, 'schema' | 'name'>,
  signal: AbortSignal,
): Promise<readonly StatisticsPlace[]> {
  return live.query<StatisticsPlace>(
    `SELECT s.stxname AS name, pg_catalog.format('%I.%I', n.nspname, s.stxname) AS place
       FROM pg_catalog.pg_statistic_ext s JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace
      WHERE s.stxrelid = $1::oid`,
    [(await oidOf(live, schema, name, signal)) ?? 0],
    signal,
  )
}

/** The schemas that they were in, as far as there are such. */
async function existing(
  live: Server,
  statistics: readonly Pick<Statistics, 'name' | 'schema'>[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const homes = new Map<string, string>()
  for (const { name, schema } of statistics)
    if (await schemaExists(live, schema, signal)) homes.set(name, schema)
  return homes
}

/** They do not go with their table by themselves. */
async function moveStatistics(
  live: Server,
  table: Pick<ScratchTable, 'schema' | 'name'>,
  schemaOf: (name: string) => string,
  run: (sql: string) => Promise<unknown>,
  signal: AbortSignal,
): Promise<void> {
  for (const { name, place } of await statisticsOf(live, table, signal))
    await run(`ALTER STATISTICS ${place} SET SCHEMA ${quoteIdentifier(schemaOf(name))}`)
}

const nameBytesMax = 63

/** Cut to what PostgreSQL takes, without half a character; with a number when somebody has it. */
function freeName(wanted: string, taken: Set<string>): string {
  for (let number = 0; ; number++) {
    const ending = number === 0 ? '' : String(number)
    let characters = [...wanted]
    while (Buffer.byteLength(characters.join('') + ending) > nameBytesMax)
      characters = characters.slice(0, -1)
    const name = characters.join('') + ending
    if (taken.has(name)) continue
    taken.add(name)
    return name
  }
}

async function namesIn(live: Server, schema: string, signal: AbortSignal): Promise<readonly string[]> {
  const rows = await live.query<{ name: string }>(
    `SELECT c.relname::text AS name FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = $1`,
    [schema],
    signal,
  )
  return rows.map(row => row.name)
}

/** Indexes, sequences and statistics have names of their own in the schema, which the original may have still. */
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
  const statistics = await statisticsOf(live, { schema: staging, name: table.name }, signal)
  await run(`ALTER TABLE ${schema}.${quoteIdentifier(table.name)} RENAME TO ${quoteIdentifier(name)}`)
  const taken = new Set([
    ...(await namesIn(live, table.schema, signal)),
    ...(await namesIn(live, staging, signal)),
  ])
  const newName = (part: string): string => {
    const rest = part.startsWith(table.name) ? part.slice(table.name.length) : `_${part}`
    return freeName(name + rest, taken)
  }
  for (const part of statistics)
    await run(`ALTER STATISTICS ${part.place} RENAME TO ${quoteIdentifier(newName(part.name))}`)
  for (const part of parts) {
    const renamed = newName(part.name)
    const word = part.kind === 'S' ? 'SEQUENCE' : 'INDEX'
    await run(`ALTER ${word} ${schema}.${quoteIdentifier(part.name)} RENAME TO ${quoteIdentifier(renamed)}`)
  }
}

async function schemaExists(live: Server, schema: string, signal: AbortSignal): Promise<boolean> {
  const rows = await live.query('SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1', [schema], signal)
  return rows.length > 0
}
