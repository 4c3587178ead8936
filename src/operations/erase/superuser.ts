/** A role that may do everything in a restored server, which trusts whoever reaches its private socket. */
import { Fault, isFault } from '../../base/fault.ts'
import { connectTo, type Server } from '../../postgres/connection.ts'
import { parseConnectionString, type Environment } from '../../postgres/connection-string.ts'

export interface Superuser {
  readonly connect: (database: string, signal: AbortSignal) => Promise<Server>
  /** In which it was found. */
  readonly database: string
}

export interface SuperuserSearch {
  /** Who may be one. */
  readonly users: readonly string[]
  readonly environment: Environment
  /** Where to look; else in those that every cluster has. */
  readonly databases?: readonly string[] | undefined
}

/** A cluster that was made by another account has its own name for it, and `postgres` may have been dropped. */
export async function findSuperuser(
  connectionString: string,
  { users, environment, databases = ['postgres', 'template1'] }: SuperuserSearch,
  signal: AbortSignal,
): Promise<Superuser> {
  const target = parseConnectionString(connectionString, {})
  const connectAs =
    (user: string) =>
    (database: string, stop: AbortSignal): Promise<Server> =>
      connectTo({ ...target, user, database }, { environment, applicationName: 'holdfast erase' }, stop)
  let refusal: unknown
  for (const user of new Set(users))
    for (const database of databases) {
      try {
        await using server = await connectAs(user)(database, signal)
        if (await isSuperuser(server, signal)) return { connect: connectAs(user), database }
      } catch (error) {
        signal.throwIfAborted()
        if (!isFault(error)) throw error
        refusal = error
      }
    }
  throw new Fault(
    'ERASURE_FAILED',
    `none of ${[...new Set(users)].join(', ')} is a superuser in what was restored`,
    {
      hint: 'Name one in postgres.connection of the configuration (user=…); nobody was let in.',
      cause: refusal,
    },
  )
}

async function isSuperuser(server: Server, signal: AbortSignal): Promise<boolean> {
  const [row] = await server.query<{ super: boolean }>(
    'SELECT rolsuper AS super FROM pg_catalog.pg_roles WHERE rolname = current_user',
    [],
    signal,
  )
  return row?.super ?? false
}
