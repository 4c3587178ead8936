/** Where a request belongs in a restored server: its database may have had another name at that time, or not have been there. */
import { Fault } from '../../base/fault.ts'
import type { Server } from '../../postgres/connection.ts'
import type { ErasureRecord } from '../../repository/format/erasure-record.ts'

/** Undefined: it was made later, or dropped before. Fails where that is not sure. */
export async function findDatabase(
  { connect }: { readonly connect: (database: string, signal: AbortSignal) => Promise<Server> },
  { database, databaseOid }: Pick<ErasureRecord, 'database' | 'databaseOid'>,
  anyDatabase: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  await using server = await connect(anyDatabase, signal)
  const [found] = await server.query<{ name: string }>(
    `SELECT datname AS name FROM pg_catalog.pg_database
      WHERE oid = $1::pg_catalog.int8 OR datname = $2 ORDER BY oid = $1::pg_catalog.int8 DESC NULLS LAST LIMIT 1`,
    [databaseOid, database],
    signal,
  )
  if (found) return found.name
  if (databaseOid !== null) return undefined
  throw new Fault('ERASURE_INVALID', `there is no database ${database}`, {
    hint: 'It may have had another name then: add a request for that name, and withdraw this one.',
  })
}
