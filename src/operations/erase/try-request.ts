/**
 * Tries a request to forget on the live server, and rolls it back; or carries it out there, when that is asked for. Tells what the
 * request's record says of the server: its clock, its position, and whether the person is gone there.
 */
import { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { Server } from '../../postgres/connection.ts'
import type { CountedStatement, ErasureRecord } from '../../repository/format/erasure-record.ts'
import { foundNothing, runRequest } from './run-request.ts'

export interface TriedRequest extends Pick<
  ErasureRecord,
  'requestedAt' | 'lsn' | 'timeline' | 'settled' | 'databaseOid'
> {
  /** Undefined: nothing was run, for the server is a standby. */
  readonly statements: readonly CountedStatement[] | undefined
}

/** `server` is connected to the request's database. */
export async function tryRequest(
  server: Server,
  statements: readonly string[],
  { isApplied }: { readonly isApplied: boolean },
  signal: AbortSignal,
): Promise<TriedRequest> {
  const { inRecovery } = await askPosition(server, signal)
  if (inRecovery && isApplied) throw standby(server)
  const how = { ending: isApplied ? 'commit' : 'roll back', lockMsMax: limits.erasureCheckLockMsMax } as const
  const counted = inRecovery ? undefined : await runRequest(server, statements, how, signal)
  // Asked when it has been run: whatever it saw, or did, lies before this position.
  const { at, lsn, timeline, oid } = await askPosition(server, signal)
  const settled = counted !== undefined && (isApplied || foundNothing(counted))
  return { requestedAt: at, lsn, timeline, settled, databaseOid: oid, statements: counted }
}

interface Position extends Readonly<Record<string, unknown>> {
  readonly inRecovery: boolean
  readonly at: string
  readonly lsn: string
  readonly timeline: number
  readonly oid: number
}

async function askPosition(server: Server, signal: AbortSignal): Promise<Position> {
  const [row] = await server.query<Position>(positionSql, [], signal)
  if (row) return row
  throw new Fault('POSTGRES_REFUSED', `PostgreSQL at ${server.where} does not tell its position in the log`, {
    hint: 'Wait until the server has finished starting, then run the command again.',
  })
}

const positionSql = `
  SELECT r.in_recovery AS "inRecovery",
         to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at,
         CASE WHEN r.in_recovery THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END::text AS lsn,
         CASE WHEN r.in_recovery THEN c.timeline_id
              ELSE ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int4
         END AS timeline,
         d.oid::int8::float8 AS oid
    FROM pg_control_checkpoint() c, (SELECT pg_is_in_recovery() AS in_recovery) r, pg_database d
   WHERE d.datname = current_database()`

function standby({ where }: Server): Fault {
  return new Fault('USAGE', `PostgreSQL at ${where} is a standby, and nothing can be deleted there`, {
    hint: 'Connect to the primary, or leave --apply out and run the SQL there.',
  })
}
