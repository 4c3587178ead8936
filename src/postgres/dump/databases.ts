/** The databases of a server that can be dumped. */
import { Fault } from '../../base/fault.ts'
import { nearest } from '../../base/nearest.ts'
import type { Server } from '../connection.ts'

export interface Database {
  readonly oid: number
  readonly name: string
  readonly owner: string
  readonly encoding: string
}

/** Those that are named, in that order, or all that allow connections. POSTGRES_REFUSED names the one that is not there. */
export async function chooseDatabases(
  server: Server,
  named: readonly string[],
  signal: AbortSignal,
): Promise<readonly Database[]> {
  const rows = await server.query<{ [Key in keyof Database]: string } & { connectable: boolean }>(
    databasesSql,
    [],
    signal,
  )
  const all = rows.map(({ oid, name, owner, encoding, connectable }) => ({
    oid: Number(oid),
    name,
    owner,
    encoding,
    connectable,
  }))
  const open = all.filter(({ connectable }) => connectable)
  if (named.length === 0) return open
  return [...new Set(named)].map(name => {
    const found = open.find(database => database.name === name)
    if (found) return found
    throw missing(server, name, all)
  })
}

const databasesSql = `
  SELECT oid::text AS oid, datname::text AS name, pg_get_userbyid(datdba)::text AS owner,
         pg_encoding_to_char(encoding)::text AS encoding, datallowconn AND datconnlimit <> -2 AS connectable
    FROM pg_database ORDER BY datname`

function missing(server: Server, name: string, all: readonly { readonly name: string }[]): Fault {
  if (all.some(database => database.name === name))
    return new Fault('POSTGRES_REFUSED', `database "${name}" allows no connections`, {
      hint: `ALTER DATABASE "${name}" ALLOW_CONNECTIONS true, or leave it out.`,
    })
  const names = all.map(database => database.name)
  const near = nearest(name, names)
  return new Fault('POSTGRES_REFUSED', `there is no database "${name}" at ${server.where}`, {
    hint: near === undefined ? `There are: ${names.join(', ')}.` : `Do you mean "${near}"?`,
  })
}
