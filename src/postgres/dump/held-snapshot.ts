/** A snapshot of a database that other sessions can look through, and where the log was when it was taken. */
import { Fault } from '../../base/fault.ts'
import type { Server } from '../connection.ts'

export interface HeldSnapshot {
  /** For `SET TRANSACTION SNAPSHOT`; good as long as the session stays in its transaction. */
  readonly name: string
  readonly lsn: string
  readonly timeline: number
  readonly takenMs: number
}

/** Begins a transaction on this session that nothing else may be done with. */
export async function holdSnapshot(server: Server, signal: AbortSignal): Promise<HeldSnapshot> {
  await server.query('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY', [], signal)
  // A session that waits for others must not be ended for being idle.
  await server.query('SET LOCAL idle_in_transaction_session_timeout = 0', [], signal)
  const [row] = await server.query<{ name: string; lsn: string | null; timeline: number; ms: string }>(
    snapshotSql,
    [],
    signal,
  )
  if (typeof row?.lsn !== 'string')
    throw new Fault(
      'POSTGRES_REFUSED',
      `PostgreSQL at ${server.where} does not tell its position in the log`,
      {
        hint: 'Wait until the server has finished starting, then run the command again.',
      },
    )
  return { name: row.name, lsn: row.lsn, timeline: row.timeline, takenMs: Math.round(Number(row.ms)) }
}

/** Tables whose rows lie in other files now than this session's snapshot knows. For as long as nobody locks them, that may change. */
export async function rewrittenSince(server: Server, signal: AbortSignal): Promise<readonly string[]> {
  const rows = await server.query<{ name: string }>(rewrittenSql, [], signal)
  return rows.map(({ name }) => name)
}

/** The catalogue is read as the snapshot has it, the function answers for now. */
const rewrittenSql = `
  SELECT format('%I.%I', nspname, relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
   WHERE relkind = 'r' AND relpersistence <> 't' AND relfilenode <> 0 AND relfilenode <> pg_relation_filenode(c.oid)
   ORDER BY 1`

const snapshotSql = `
  SELECT pg_export_snapshot() AS name,
         (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END)::text AS lsn,
         (SELECT timeline_id FROM pg_control_checkpoint()) AS timeline,
         (extract(epoch FROM clock_timestamp()) * 1000)::text AS ms`
