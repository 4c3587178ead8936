/** Compares how many rows the restored tables have with what the dump recorded. */
import { Fault } from '../../base/fault.ts'
import { inParallel } from '../../base/in-parallel.ts'
import { limits } from '../../base/limits.ts'
import type { Server } from '../../postgres/connection.ts'
import { textOf, type ByteText } from '../../postgres/dump-archive/archive.ts'
import { quoteIdentifier } from '../../postgres/dump-archive/database-statements.ts'

export interface ExpectedRows {
  readonly schema: string
  readonly table: string
  /** The names as they stand in the archive. */
  readonly stored: { readonly schema: ByteText; readonly table: ByteText; readonly encoding: string }
  readonly rows: number
  /** Of a table that an extension made and filled: the dump holds some of its rows only. */
  readonly atLeast: boolean
}

export interface RowDifference {
  readonly schema: string
  readonly table: string
  readonly dumped: number
  readonly restored: number
}

/** The sessions take turns. */
export async function countRows(
  sessions: readonly Server[],
  expected: readonly ExpectedRows[],
  signal: AbortSignal,
): Promise<readonly RowDifference[]> {
  const free = [...sessions]
  const differences: RowDifference[] = []
  // A table whose policies hide rows from us is an error then, not another number.
  for (const session of sessions) await session.query('SET row_security = off', [], signal)
  await inParallel(
    // Largest first, so that none is alone at the end.
    expected.toSorted((a, b) => b.rows - a.rows),
    sessions.length,
    async ({ schema, table, stored, rows, atLeast }, stop) => {
      const session = free.pop()
      if (!session) throw new Error('assertion failed: there is a session for each count')
      const restored = await count(session, stored, stop)
      free.push(session)
      if (atLeast ? restored < rows : restored !== rows)
        differences.push({ schema, table, dumped: rows, restored })
    },
    signal,
  )
  return differences
}

/** Plain names are spelled; others are found by their bytes, for not every name is text that a statement can carry. */
async function count(session: Server, stored: ExpectedRows['stored'], signal: AbortSignal): Promise<number> {
  const long = { timeoutMs: limits.dumpStatementMsMax }
  const { schema, table } = stored
  if (/^[\x20-\x7e]*$/.test(schema + table)) {
    const name = `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`
    const counted = `SELECT pg_catalog.count(*) AS count FROM ONLY ${name}`
    const [found] = await session.query<{ count: string }>(counted, [], signal, long)
    return Number(found?.count)
  }
  const oid = await oidOf(session, stored, signal)
  await session.query(
    `DO $do$ DECLARE n pg_catalog.int8; BEGIN
       EXECUTE 'SELECT pg_catalog.count(*) FROM ONLY ' || ${oid}::pg_catalog.regclass INTO n;
       PERFORM pg_catalog.set_config('holdfast.rows', n::pg_catalog.text, false);
     END $do$`,
    [],
    signal,
    long,
  )
  const told = `SELECT pg_catalog.current_setting('holdfast.rows') AS count`
  const [found] = await session.query<{ count: string }>(told, [], signal)
  return Number(found?.count)
}

async function oidOf(
  session: Server,
  { schema, table, encoding }: ExpectedRows['stored'],
  signal: AbortSignal,
): Promise<string> {
  const [found] = await session.query<{ oid: string }>(
    `SELECT c.oid::pg_catalog.text AS oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace
      WHERE nspname = pg_catalog.convert_from($1, $3)::pg_catalog.name AND relname = pg_catalog.convert_from($2, $3)::pg_catalog.name`,
    [Buffer.from(schema, 'latin1'), Buffer.from(table, 'latin1'), encoding],
    signal,
  )
  if (found && /^\d+$/.test(found.oid)) return found.oid
  throw new Fault('RESTORE_FAILED', `there is no table ${textOf(table, encoding)} after all was restored`, {
    hint: 'See in the log of the server what became of it. Nothing half done is left.',
  })
}
