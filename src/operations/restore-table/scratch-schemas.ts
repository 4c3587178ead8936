/** The schemas in a scratch cluster. */
import type { Server, SqlRow } from '../../postgres/connection.ts'
import type { NamePattern } from '../../postgres/dump-archive/name-pattern.ts'

export interface ScratchSchema {
  readonly oid: number
  readonly name: string
  readonly owner: string
  readonly grants: readonly Grant[]
}

export interface Grant {
  readonly privilege: string
  /** As it stands in a GRANT. */
  readonly to: string
}

interface SchemaRow extends SqlRow {
  readonly oid: number
  readonly name: string
  readonly owner: string
}

/** Of users: not those of PostgreSQL itself. */
export async function findSchemas(
  server: Server,
  patterns: readonly NamePattern[],
  signal: AbortSignal,
): Promise<readonly ScratchSchema[]> {
  const all = await server.query<SchemaRow>(
    `SELECT oid, nspname AS name, pg_catalog.pg_get_userbyid(nspowner) AS owner FROM pg_catalog.pg_namespace
      WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 2`,
    [],
    signal,
  )
  const found = all.filter(({ name }) => patterns.some(pattern => pattern.name.test(name)))
  return Promise.all(found.map(async row => ({ ...row, grants: await grantsOn(server, row.oid, signal) })))
}

async function grantsOn(server: Server, schema: number, signal: AbortSignal): Promise<readonly Grant[]> {
  const rows = await server.query<{ privilege: string; to: string }>(
    `SELECT a.privilege_type AS privilege,
            CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END
              || CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS to
       FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a
      WHERE n.oid = $1::oid AND a.grantee <> n.nspowner`,
    [schema],
    signal,
  )
  return rows
}

export interface ScratchExtension {
  readonly name: string
  readonly schema: string
}

/** `DROP SCHEMA … CASCADE` takes them with it. */
export async function extensionsIn(
  server: Server,
  schemas: readonly ScratchSchema[],
  signal: AbortSignal,
): Promise<readonly ScratchExtension[]> {
  return server.query<ScratchExtension & SqlRow>(
    `SELECT x.extname AS name, n.nspname AS schema FROM pg_catalog.pg_extension x
       JOIN pg_catalog.pg_namespace n ON n.oid = x.extnamespace WHERE n.oid = ANY ($1::oid[]) ORDER BY 1`,
    [`{${schemas.map(({ oid }) => oid).join(',')}}`],
    signal,
  )
}
