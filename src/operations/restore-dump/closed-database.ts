/** A database that nobody else can get into while it is filled and looked after. */
import type { Server } from '../../postgres/connection.ts'
import { quoteIdentifier } from '../../postgres/dump-archive/database-statements.ts'

interface Access extends Readonly<Record<string, unknown>> {
  readonly connections: number
  readonly isSuperuser: boolean
  readonly isPublic: boolean
}

/**
 * Returns what lets others in again, as they would have been. A superuser shuts out whoever is none; another role whoever
 * is not granted the right by name.
 */
export async function closeDatabase(
  server: Server,
  name: string,
  signal: AbortSignal,
): Promise<(signal: AbortSignal) => Promise<void>> {
  const [access] = await server.query<Access>(accessSql, [name], signal)
  const database = quoteIdentifier(name)
  const limitTo = (count: number): string => `ALTER DATABASE ${database} CONNECTION LIMIT ${String(count)}`
  const [close, open] = access?.isSuperuser
    ? [limitTo(0), limitTo(access.connections)]
    : access?.isPublic
      ? [
          `REVOKE CONNECT ON DATABASE ${database} FROM PUBLIC`,
          `GRANT CONNECT ON DATABASE ${database} TO PUBLIC`,
        ]
      : []
  if (close !== undefined) await server.query(close, [], signal)
  return async stop => {
    if (open !== undefined) await server.query(open, [], stop)
  }
}

const accessSql = `
  SELECT d.datconnlimit AS connections,
         (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) AS "isSuperuser",
         EXISTS (SELECT FROM pg_catalog.aclexplode(coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba)))
                  WHERE grantee = 0 AND privilege_type = 'CONNECT') AS "isPublic"
    FROM pg_catalog.pg_database d WHERE d.datname = $1`
