/**
 * Whether visibility maps are true. One that claims too much makes index-only scans return rows that are gone, and nothing else
 * notices: pg_verifybackup does not, and neither do checksums.
 */
import type { SqlRow } from '../../../postgres/connection.ts'
import { failed, notAsked, ok, type Answer } from '../checklist.ts'
import { byChance, describeWalk, walkRelations, type Asking } from './asking.ts'
import { isAvailable, withExtension } from './extension.ts'
import { openIn } from '../restored-cluster.ts'
import { drillLimits } from '../drill-limits.ts'

export async function askVisibility(asking: Asking, signal: AbortSignal): Promise<Answer> {
  if (!(await isHere(asking, 'pg_visibility', signal))) return notAsked(notInstalled('pg_visibility'))
  const wrong: string[] = []
  let pagesWrong = 0
  const walk = await walkRelations(
    asking,
    { sql: tablesSql, limit: drillLimits.relationsMax },
    async ({ oid, name }, session, database, timeoutMs) => {
      const schema = await withExtension(session, 'pg_visibility', signal)
      const [row] = await session.query<SqlRow & { readonly count: string; readonly first: string | null }>(
        `SELECT count(*) AS count, min(t_ctid)::text AS first FROM ${schema}.pg_check_visible($1::oid::regclass)`,
        [oid],
        signal,
        { timeoutMs },
      )
      const count = Number(row?.count)
      if (count === 0) return
      pagesWrong += count
      wrong.push(
        `${database}: ${name} has ${String(count)} rows that its map says all may see, the first at ${row?.first ?? ''}`,
      )
    },
    signal,
  )
  const evidence = describeWalk(walk, 'tables')
  if (wrong.length === 0) return ok(evidence)
  return failed(`${String(pagesWrong)} rows of ${String(wrong.length)} tables are not what their maps say`, [
    ...wrong,
    evidence,
  ])
}

export const notInstalled = (extension: string): string =>
  `the extension ${extension} is not installed on this host (on Debian it is in postgresql-NN)`

export async function isHere(
  { cluster, databases: [first] }: Asking,
  extension: string,
  signal: AbortSignal,
): Promise<boolean> {
  if (first === undefined) return false
  await using session = await openIn(cluster, first, signal)
  return await isAvailable(session, extension, signal)
}

const tablesSql = `
  SELECT c.oid, n.nspname || '.' || c.relname AS name
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_am a ON a.oid = c.relam AND a.amname = 'heap'
   WHERE c.relkind IN ('r', 't', 'm') AND c.relpersistence = 'p' ORDER BY ${byChance}`
