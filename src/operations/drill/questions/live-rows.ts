/** How many rows the live server has, by its statistics: counting there would be a burden that nobody asked for. */
import type { SqlRow } from '../../../postgres/connection.ts'
import type { DrillRowCount } from '../../../repository/format/drill-record.ts'
import { connectIn, type TargetPlace } from '../../restore-dump/target-place.ts'

/** Databases that the live server does not have, or does not let us into, have nothing to compare. */
export async function liveRows(
  place: TargetPlace,
  databases: readonly string[],
  signal: AbortSignal,
): Promise<readonly DrillRowCount[]> {
  const counts: DrillRowCount[] = []
  await using any = await connectIn(place, place.target.database ?? place.target.user ?? 'postgres', signal)
  const there = await any.query<SqlRow & { readonly name: string }>(
    `SELECT datname::text AS name FROM pg_catalog.pg_database
      WHERE datallowconn AND pg_catalog.has_database_privilege(datname, 'CONNECT')`,
    [],
    signal,
  )
  for (const { name } of there.filter(one => databases.includes(one.name))) {
    await using session = await connectIn(place, name, signal)
    const rows = await session.query<SqlRow & { readonly table: string; readonly rows: string }>(
      estimatesSql,
      [],
      signal,
    )
    counts.push(
      ...rows.map(({ table, rows: estimate }) => ({
        database: name,
        table,
        rows: Number(estimate),
        exact: false,
      })),
    )
  }
  return counts
}

/** A table that was never analyzed says nothing. */
const estimatesSql = `
  SELECT pg_catalog.quote_ident(s.schemaname) || '.' || pg_catalog.quote_ident(s.relname) AS table,
         greatest(nullif(s.n_live_tup, 0), c.reltuples::int8) AS rows
    FROM pg_catalog.pg_stat_user_tables s JOIN pg_catalog.pg_class c ON c.oid = s.relid
   WHERE s.n_live_tup > 0 OR c.reltuples >= 0`
