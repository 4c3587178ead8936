/**
 * In a scratch cluster, what was not brought is of zeros or has no file, and its indexes can not be read. Before somebody
 * else's SQL runs there, each such table is made an empty one without indexes, on which any statement runs, and the indexes of
 * what was brought are built.
 *
 * Whether a transaction used a stand-in is told by the locks that it holds, which stay until its end; and where they were
 * given back (a statement failed, or a block of a function caught an error), by the counters of what was scanned.
 */
import { chown, open, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault, errnoOf, messageOf } from '../../base/fault.ts'
import type { Server, SqlRow } from '../../postgres/connection.ts'
import { quoteIdentifier } from '../../postgres/dump-archive/database-statements.ts'
import { longStatement } from './scratch-tables.ts'

interface Relation extends SqlRow {
  readonly oid: number
  readonly schema: string
  readonly name: string
  readonly kind: string
  /** Of an index, its table. */
  readonly table: number | null
  /** Null: it has none. */
  readonly path: string | null
  readonly valid: boolean | null
}

/** Returns the tables that are empty now. `server`: as a superuser, in the database of the tables. */
export async function makeStandIns(
  server: Server,
  directory: string,
  isWithheld: (path: string) => boolean,
  signal: AbortSignal,
): Promise<readonly number[]> {
  const relations = await server.query<Relation>(relationsSql, [], signal, longStatement)
  const absent = relations.filter(({ path }) => path !== null && isWithheld(path))
  const tables = absent.filter(({ kind }) => kind === 'r' || kind === 'm')
  const oids = tables.map(({ oid }) => oid)
  // Nothing of these is left that the server would still write.
  await server.query('CHECKPOINT', [], signal, longStatement)
  for (const { path } of tables) if (path !== null) await makeEmpty(directory, path)
  await server.query(withoutIndexesSql, [arrayOf(oids)], signal, longStatement)
  const heaps = new Set(absent.filter(({ kind }) => kind !== 'i').map(({ oid }) => oid))
  const indexes = absent.filter(({ kind, table }) => kind === 'i' && table !== null && !heaps.has(table))
  await forgetInvalid(server, indexes, signal)
  // Who plans to build one by several processes looks at the others of the table, which may not be there yet.
  await server.query('SET max_parallel_maintenance_workers = 0', [], signal)
  for (const { schema, name, valid } of indexes)
    if (valid === true)
      await server.query(
        `REINDEX INDEX ${quoteIdentifier(schema)}.${quoteIdentifier(name)}`,
        [],
        signal,
        longStatement,
      )
  return oids
}

const relationsSql = `
  SELECT c.oid, n.nspname AS schema, c.relname AS name, c.relkind::pg_catalog.text AS kind, i.indrelid AS "table",
         pg_catalog.pg_relation_filepath(c.oid) AS path, i.indisvalid AS valid
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
   WHERE c.relkind IN ('r', 'm', 't', 'i') AND c.oid >= 16384 AND c.relpersistence <> 't'`

/** Large values have no place there, either: they are compressed into the row, where they fit. */
const withoutIndexesSql = `
  UPDATE pg_catalog.pg_class SET relhasindex = false, reltoastrelid = 0 WHERE oid = ANY ($1::oid[])`

const arrayOf = (oids: readonly number[]): string => `{${oids.join(',')}}`

/** One that could not be built in the original, either: nothing shall be written into it. */
async function forgetInvalid(
  server: Server,
  indexes: readonly Relation[],
  signal: AbortSignal,
): Promise<void> {
  const invalid = indexes.filter(({ valid }) => valid !== true).map(({ oid }) => oid)
  await server.query(
    'UPDATE pg_catalog.pg_index SET indisready = false, indislive = false WHERE indexrelid = ANY ($1::oid[])',
    [arrayOf(invalid)],
    signal,
  )
}

/** `path` within the data directory: the first of its files is made, or cut to nothing; the others go. */
async function makeEmpty(directory: string, path: string): Promise<void> {
  const first = join(directory, path)
  try {
    const { uid, gid } = await stat(directory)
    await (await open(first, 'w', 0o600)).close()
    if (process.getuid?.() === 0) await chown(first, uid, gid)
    for (let number = 1; await isRemoved(`${first}.${String(number)}`); number++);
  } catch (error) {
    throw new Fault('TARGET_DIRECTORY', `can not write ${first}: ${messageOf(error)}`, {
      hint: 'Run as root, or as the user that the server runs as.',
      cause: error,
    })
  }
}

async function isRemoved(path: string): Promise<boolean> {
  try {
    await rm(path)
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

export interface Touched extends SqlRow {
  readonly oid: number
  /** `public.orders`, for people. */
  readonly name: string
}

/**
 * The stand-ins that the transaction of this session used; and what leans on those that it wrote by foreign keys, since it
 * will be looked into when there are rows.
 */
export function touchedOf(
  server: Server,
  standIns: readonly number[],
  signal: AbortSignal,
): Promise<readonly Touched[]> {
  return server.query<Touched>(touchedSql, [arrayOf(standIns)], signal, longStatement)
}

const touchedSql = `
  WITH RECURSIVE held AS (
    SELECT l.relation AS oid, l.mode NOT IN ('AccessShareLock', 'RowShareLock') AS is_written
      FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_database d ON d.oid = l.database
     WHERE d.datname = pg_catalog.current_database() AND l.locktype = 'relation' AND l.pid = pg_catalog.pg_backend_pid()
       AND l.relation = ANY ($1::oid[])
  ), leaning AS (
    SELECT oid, true AS goes_on FROM held WHERE is_written
    UNION
    SELECT k.conrelid, k.confdeltype = 'c' FROM leaning l JOIN pg_catalog.pg_constraint k ON k.confrelid = l.oid
     WHERE l.goes_on AND k.contype = 'f'
  )
  SELECT c.oid, n.nspname || '.' || c.relname AS name
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.oid = ANY ($1::oid[])
     AND (pg_catalog.pg_stat_get_xact_numscans(c.oid) > 0 OR c.oid IN (SELECT oid FROM held)
          OR c.oid IN (SELECT oid FROM leaning))
   ORDER BY 2`
