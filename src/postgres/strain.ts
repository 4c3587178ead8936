/** How hard a server has it: how far its standbys are behind, and how soon it answers. */
import { limits } from '../base/limits.ts'
import type { Clock } from '../base/world.ts'
import { parseLsn, type Lsn } from '../wal/lsn.ts'
import type { Server, SqlRow } from './connection.ts'

export interface ServerStrain {
  /** Of the standby that is furthest behind; 0 without standbys, undefined when the role may not see it. */
  readonly replicationLagMs: number | undefined
  /** Of the simplest question. */
  readonly latencyMs: number
}

/** Where the server was when it was looked at. */
export interface WalMark {
  /** By a clock that never goes back. */
  readonly atMs: number
  readonly lsn: Lsn
}

/** What was seen is added to `marks`, which whoever asks again hands in again. */
export async function serverStrain(
  server: Server,
  clock: Pick<Clock, 'monotonicMs'>,
  marks: WalMark[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ServerStrain> {
  const startMs = clock.monotonicMs()
  await server.query('SELECT 1 AS one', [], signal, { timeoutMs })
  const atMs = clock.monotonicMs()
  const [row] = await server.query<StrainRow>(lagSql, [], signal, { timeoutMs })
  const lsn = parseLsn(row?.lsn ?? '')
  if (lsn !== undefined) marks.push({ atMs, lsn })
  if (marks.length > limits.walMarksKept) marks.shift()
  const latencyMs = atMs - startMs
  if (row === undefined || row.hidden > 0) return { latencyMs, replicationLagMs: undefined }
  const replayed = parseLsn(row.replayed ?? '')
  const seenMs = replayed === undefined ? 0 : behindMs(marks, replayed, atMs)
  return { latencyMs, replicationLagMs: Math.max(row.lag_ms, seenMs) }
}

/**
 * How long ago, at least, the server wrote what a standby has not replayed yet. PostgreSQL's own `replay_lag` stands still while
 * a standby says nothing, as one behind a line that is full does: for a minute, when `wal_sender_timeout` gives it up.
 */
export function behindMs(marks: readonly WalMark[], replayed: Lsn, nowMs: number): number {
  const missed = marks.find(({ lsn }) => lsn > replayed)
  return missed === undefined ? 0 : nowMs - missed.atMs
}

interface StrainRow extends SqlRow {
  readonly lag_ms: number
  readonly hidden: number
  readonly replayed: string | null
  readonly lsn: string | null
}

/** Others' rows have no state for who may not see them. `replay_lag` is null where there is nothing to wait for. */
const lagSql = `
  SELECT coalesce(max(extract(epoch FROM replay_lag)) * 1000, 0)::float8 AS lag_ms,
         (count(*) FILTER (WHERE state IS NULL))::int4 AS hidden,
         min(replay_lsn)::text AS replayed,
         (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END)::text AS lsn
    FROM pg_stat_replication`
