/** How hard a server has it: how far its standbys are behind, and how soon it answers. */
import type { Clock } from '../base/world.ts'
import type { Server, SqlRow } from './connection.ts'

export interface ServerStrain {
  /** Of the standby that is furthest behind; 0 without standbys, undefined when the role may not see it. */
  readonly replicationLagMs: number | undefined
  /** Of the simplest question. */
  readonly latencyMs: number
}

export async function serverStrain(
  server: Server,
  clock: Pick<Clock, 'monotonicMs'>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ServerStrain> {
  const startMs = clock.monotonicMs()
  await server.query('SELECT 1 AS one', [], signal, { timeoutMs })
  const latencyMs = clock.monotonicMs() - startMs
  const [row] = await server.query<StrainRow>(lagSql, [], signal, { timeoutMs })
  const isHidden = row === undefined || row.hidden > 0
  return { latencyMs, replicationLagMs: isHidden ? undefined : row.lag_ms }
}

interface StrainRow extends SqlRow {
  readonly lag_ms: number
  readonly hidden: number
}

/** Others' rows have no state for who may not see them. `replay_lag` is null where there is nothing to wait for. */
const lagSql = `
  SELECT coalesce(max(extract(epoch FROM replay_lag)) * 1000, 0)::float8 AS lag_ms,
         (count(*) FILTER (WHERE state IS NULL))::int4 AS hidden
    FROM pg_stat_replication`
