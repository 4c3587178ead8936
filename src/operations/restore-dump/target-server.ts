/** The server that a dump is restored into: what is there, what is made, and what is cleared away. */
import { isFault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { Server } from '../../postgres/connection.ts'
import type { DatabaseStatements } from '../../postgres/dump-archive/database-statements.ts'
import { dropDatabase } from './drop-database.ts'
import { connectIn, longStatement, type TargetPlace } from './target-place.ts'

export interface TargetFacts {
  readonly databaseExists: boolean
  readonly mayCreate: boolean
  readonly isSuperuser: boolean
  readonly roles: ReadonlySet<string>
  readonly tablespaces: ReadonlySet<string>
}

export async function readFacts(server: Server, name: string, signal: AbortSignal): Promise<TargetFacts> {
  const [rights] = await server.query<{ exists: boolean; creates: boolean; super: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = $1) AS exists,
            rolcreatedb OR rolsuper AS creates, rolsuper AS super
       FROM pg_catalog.pg_roles WHERE rolname = current_user`,
    [name],
    signal,
  )
  const names = async (sql: string): Promise<ReadonlySet<string>> =>
    new Set((await server.query<{ name: string }>(sql, [], signal)).map(row => row.name))
  return {
    databaseExists: rights?.exists ?? false,
    mayCreate: rights?.creates ?? false,
    isSuperuser: rights?.super ?? false,
    roles: await names('SELECT rolname AS name FROM pg_catalog.pg_roles'),
    tablespaces: await names('SELECT spcname AS name FROM pg_catalog.pg_tablespace'),
  }
}

/** Databases that are ours to drop when nobody is in them: one that is being restored, and one that was replaced by it. */
const ownPattern = '^holdfast_(restoring|replaced)_[0-9a-f]{12}$'

export const temporaryName = (
  state: 'restoring' | 'replaced',
  randomBytes: (count: number) => Uint8Array,
): string => `holdfast_${state}_${Buffer.from(randomBytes(6)).toString('hex')}`

/**
 * Runs `work` while no other restore makes or clears away databases: between making one and connecting to it, it looks
 * like one whose restore died.
 */
async function alone<T>(server: Server, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  await server.query('SELECT pg_catalog.pg_advisory_lock(4741, 1)', [], signal, longStatement)
  try {
    return await work()
  } finally {
    if (!server.lost.aborted)
      await server.query(
        'SELECT pg_catalog.pg_advisory_unlock(4741, 1)',
        [],
        AbortSignal.timeout(limits.postgresStatementMsMax),
      )
  }
}

export interface Leftovers {
  readonly dropped: readonly string[]
  /** Why they are still there. */
  readonly kept: readonly string[]
}

/** Drops what restores left behind that were killed: nobody is connected to it any more. Says which. */
export async function clearLeftovers(
  server: Server,
  place: TargetPlace,
  signal: AbortSignal,
): Promise<Leftovers> {
  const find = `
    SELECT datname AS name FROM pg_catalog.pg_database d
     WHERE datname ~ '${ownPattern}'
       AND (datdba = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user)
            OR (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user))
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid AND a.backend_type = 'client backend')`
  return alone(
    server,
    async () => {
      const dropped: string[] = []
      const kept: string[] = []
      for (const { name } of await server.query<{ name: string }>(find, [], signal)) {
        try {
          await dropDatabase(server, place, name, signal)
          dropped.push(name)
        } catch (error) {
          // Somebody else's trouble must not keep this restore from being made.
          if (!isFault(error, 'POSTGRES_REFUSED')) throw error
          kept.push(`${name}, which a restore left behind, can not be dropped: ${error.message}`)
        }
      }
      return { dropped, kept }
    },
    signal,
  )
}

/** Makes the database, and returns a session in it. As long as that is open, others see that somebody works there. */
export async function createDatabase(
  server: Server,
  place: TargetPlace,
  name: string,
  { create, configure }: DatabaseStatements,
  signal: AbortSignal,
): Promise<Server> {
  const session = await alone(
    server,
    async () => {
      await server.query(create, [], signal, longStatement)
      return connectIn(place, name, signal)
    },
    signal,
  )
  try {
    for (const statement of configure) await server.query(statement, [], signal, longStatement)
    return session
  } catch (error) {
    await session.close()
    throw error
  }
}
