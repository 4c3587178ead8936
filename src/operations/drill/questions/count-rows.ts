/** Counts the rows of tables, in an order by chance and as far as the time goes. Every page of their heaps is read by that. */
import { isFault } from '../../../base/fault.ts'
import type { SqlRow } from '../../../postgres/connection.ts'
import type { DrillRowCount } from '../../../repository/format/drill-record.ts'
import { inShort } from '../checklist.ts'
import { byChance, walkRelations, type Asking, type Walk } from './asking.ts'
import { drillLimits } from '../drill-limits.ts'

export interface CountedRows {
  readonly counts: readonly DrillRowCount[]
  /** Tables that could not be read. */
  readonly troubles: readonly string[]
  readonly walk: Walk
}

export async function countRows(asking: Asking, signal: AbortSignal): Promise<CountedRows> {
  const counts: DrillRowCount[] = []
  const troubles: string[] = []
  const walk = await walkRelations(
    asking,
    { sql: tablesSql, limit: drillLimits.rowCountsMax },
    async ({ name }, session, database, timeoutMs) => {
      const untilMs = asking.clock.monotonicMs() + timeoutMs
      try {
        const [row] = await session.query<SqlRow & { readonly count: string }>(
          `SELECT pg_catalog.count(*) AS count FROM ONLY ${name}`,
          [],
          signal,
          { timeoutMs },
        )
        counts.push({ database, table: name, rows: Number(row?.count), exact: true })
      } catch (error) {
        if (!isFault(error, 'POSTGRES_REFUSED') || asking.clock.monotonicMs() >= untilMs) throw error
        troubles.push(`${database}: ${name}: ${inShort(error)}`)
      }
    },
    signal,
  )
  return { counts: counts.toSorted(inOrder), troubles, walk }
}

const inOrder = (a: DrillRowCount, b: DrillRowCount): number =>
  compare(a.database, b.database) || compare(a.table, b.table)
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Names as SQL takes them. Those of the server itself are no news. */
const tablesSql = `
  SELECT c.oid, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS name
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'm') AND c.relpersistence = 'p' AND (c.relkind = 'r' OR c.relispopulated)
     AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' ORDER BY ${byChance}`
