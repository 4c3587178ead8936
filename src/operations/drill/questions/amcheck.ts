/** Whether heaps and B-trees are sound, as PostgreSQL's own amcheck sees them. */
import { isFault } from '../../../base/fault.ts'
import type { Server, SqlRow } from '../../../postgres/connection.ts'
import { failed, inShort, notAsked, ok, type Answer } from '../checklist.ts'
import { byChance, describeWalk, walkRelations, type Asking, type Relation } from './asking.ts'
import { withExtension } from './extension.ts'
import { isHere, notInstalled } from './visibility.ts'
import { drillLimits } from '../drill-limits.ts'

/** Of one table, so many are told. */
const corruptionsToldMax = 5

export async function askAmcheck(asking: Asking, signal: AbortSignal): Promise<Answer> {
  if (!(await isHere(asking, 'amcheck', signal))) return notAsked(notInstalled('amcheck'))
  const found: string[] = []
  const half = { ...asking, questionMs: asking.questionMs / 2 }
  const lookAt =
    (sqlIn: (schema: string) => string) =>
    async ({ oid, name }: Relation, session: Server, database: string, timeoutMs: number): Promise<void> => {
      const schema = await withExtension(session, 'amcheck', signal)
      const untilMs = asking.clock.monotonicMs() + timeoutMs
      try {
        const rows = await session.query<SqlRow & { readonly trouble: string }>(
          sqlIn(schema),
          [oid],
          signal,
          {
            timeoutMs,
          },
        )
        found.push(
          ...rows.filter(({ trouble }) => trouble !== '').map(row => `${database}: ${name}: ${row.trouble}`),
        )
      } catch (error) {
        // What is wrong with an index is told by an error, and so is a page that can not be read.
        const isLate = asking.clock.monotonicMs() >= untilMs
        if (!isFault(error, 'POSTGRES_REFUSED') || isLate) throw error
        found.push(`${database}: ${name}: ${inShort(error)}`)
      }
    }
  const limit = drillLimits.relationsMax
  const heaps = await walkRelations(half, { sql: heapsSql, limit }, lookAt(heapCheck), signal)
  const trees = await walkRelations(half, { sql: treesSql, limit }, lookAt(treeCheck), signal)
  const evidence = [describeWalk(heaps, 'heaps'), describeWalk(trees, 'B-trees, each against its whole heap')]
  if (found.length === 0) return ok(...evidence)
  return failed(`amcheck finds ${String(found.length)} things wrong`, [...found, ...evidence])
}

const heapCheck = (schema: string): string =>
  `SELECT 'block ' || blkno || ': ' || msg AS trouble FROM ${schema}.verify_heapam($1::oid::regclass) LIMIT ${String(corruptionsToldMax)}`

/** With each row of the heap looked for in the tree. */
const treeCheck = (schema: string): string =>
  `SELECT ${schema}.bt_index_check($1::oid::regclass, true)::text AS trouble`

const heapsSql = `
  SELECT c.oid, n.nspname || '.' || c.relname AS name
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_am a ON a.oid = c.relam AND a.amname = 'heap'
   WHERE c.relkind IN ('r', 't', 'm') AND c.relpersistence = 'p' ORDER BY ${byChance}`

const treesSql = `
  SELECT c.oid, n.nspname || '.' || c.relname AS name
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_am a ON a.oid = c.relam AND a.amname = 'btree'
    JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid AND i.indisready AND i.indisvalid
   WHERE c.relkind = 'i' AND c.relpersistence = 'p' ORDER BY ${byChance}`
