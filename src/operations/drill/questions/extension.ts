/** Extensions that questions are asked by: put into the copy, where they are not there already. */
import type { Server, SqlRow } from '../../../postgres/connection.ts'
import { quoteIdentifier } from '../../../postgres/dump-archive/database-statements.ts'

const ownSchema = 'holdfast_drill'

export async function isAvailable(session: Server, name: string, signal: AbortSignal): Promise<boolean> {
  const rows = await session.query(
    'SELECT FROM pg_catalog.pg_available_extensions WHERE name = $1',
    [name],
    signal,
  )
  return rows.length > 0
}

/** Its schema, quoted. */
export async function withExtension(session: Server, name: string, signal: AbortSignal): Promise<string> {
  const find = async (): Promise<string | undefined> => {
    const [row] = await session.query<SqlRow & { readonly schema: string }>(
      `SELECT n.nspname::text AS schema FROM pg_catalog.pg_extension e
         JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = $1`,
      [name],
      signal,
    )
    return row && quoteIdentifier(row.schema)
  }
  const there = await find()
  if (there !== undefined) return there
  await session.query(`CREATE SCHEMA IF NOT EXISTS ${ownSchema}`, [], signal)
  await session.query(`CREATE EXTENSION ${quoteIdentifier(name)} SCHEMA ${ownSchema}`, [], signal)
  return ownSchema
}
