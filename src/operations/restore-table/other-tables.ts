/**
 * Whether a request to forget a person can have nothing to do with the tables that are brought back: then what it looks into
 * need not be fetched. Said only of what can be seen as a whole: DELETE and UPDATE that name tables which were not brought,
 * from which no foreign key, trigger, view or function of somebody's own leads to one that was.
 */
import type { Server } from '../../postgres/connection.ts'
import { longStatement } from './scratch-tables.ts'

/** Asked while the request's transaction stands, with all the locks that it took. */
export async function isAboutOthers(
  server: Server,
  standIns: readonly number[],
  statements: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  if (!statements.every(isPlain)) return false
  const names = [...new Set(statements.flatMap(namesIn))]
  const parameters = [`{${standIns.join(',')}}`, names, statements.join('\n')]
  const [row] = await server.query<{ others: boolean }>(othersSql, parameters, signal, longStatement)
  return row?.others ?? false
}

/** Its command can be seen, and names in it are written as they are. */
const isPlain = (statement: string): boolean =>
  /^\s*(delete|update)\s/i.test(statement) && !/u&"/i.test(statement)

/** All words that may be names, as written and as PostgreSQL folds them; those in texts and comments do no harm. */
export function namesIn(statement: string): readonly string[] {
  const words = statement.match(/"(?:[^"]|"")+"|[\p{L}_][\p{L}\p{N}_$]*/gu) ?? []
  return words.flatMap(word =>
    word.startsWith('"') ? [word.slice(1, -1).replaceAll('""', '"')] : [word, word.toLowerCase()],
  )
}

const othersSql = `
  WITH RECURSIVE reached AS (
    SELECT l.relation AS oid FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_database d ON d.oid = l.database
     WHERE d.datname = pg_catalog.current_database() AND l.locktype = 'relation' AND l.pid = pg_catalog.pg_backend_pid()
       AND l.relation >= 16384
    UNION
    SELECT k.conrelid FROM reached r JOIN pg_catalog.pg_constraint k ON k.confrelid = r.oid AND k.contype = 'f'
  )
  SELECT NOT EXISTS (SELECT FROM reached WHERE NOT oid = ANY ($1::oid[]))
     AND NOT EXISTS (SELECT FROM reached r JOIN pg_catalog.pg_trigger t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal)
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_proc WHERE oid >= 16384 AND proname = ANY ($2::text[]))
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_operator
                      WHERE oid >= 16384 AND pg_catalog.strpos($3::text, oprname::text) > 0) AS others`
