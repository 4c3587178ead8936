/** What a drill has brought back and started, and how it is asked. */
import { Fault, isFault } from '../../base/fault.ts'
import { connectTo, type Server } from '../../postgres/connection.ts'
import { parseConnectionString, type ConnectionTarget } from '../../postgres/connection-string.ts'
import type { LocalServer } from '../../postgres/local-server/local-server.ts'
import type { DrillReport, DrillRowCount } from '../../repository/format/drill-record.ts'

export interface RestoredCluster {
  readonly server: LocalServer
  readonly dataDirectory: string
  /** As a superuser, over the private socket. */
  readonly target: ConnectionTarget
  readonly superuser: string
  readonly major: number
  readonly version: string
  readonly reached: DrillReport['reached']
  /** The next transaction id when nobody had written yet. */
  readonly nextXid: bigint
  readonly notes: readonly string[]
  /** Only of dumps: what was compared with the counts in them. */
  readonly dumped?: DumpedRows | undefined
}

export interface DumpedRows {
  readonly counts: readonly DrillRowCount[]
  /** Databases that did not come back as they were dumped, and why. */
  readonly failures: readonly string[]
  /** Since they were compared: somebody was forgotten. */
  readonly isChanged: boolean
}

/** A session whose statements are the drill's: whatever the database is set to for its usual ones. */
export async function openIn(
  { target }: Pick<RestoredCluster, 'target'>,
  database: string,
  signal: AbortSignal,
): Promise<Server> {
  const session = await connectTo({ ...target, database }, { environment: {} }, signal)
  try {
    await session.query('SET default_transaction_read_only = off', [], signal)
    await session.query('SET row_security = off', [], signal)
    return session
  } catch (error) {
    await session.close()
    throw error
  }
}

export interface FirstSession extends AsyncDisposable {
  readonly session: Server
  readonly target: ConnectionTarget
}

/** The role of the configuration may be one that can not look into everything; any superuser will do, and nobody asks for passwords. */
export async function connectAsSuperuser(
  connectionString: string,
  { user, database }: { readonly user: string | undefined; readonly database: string | undefined },
  signal: AbortSignal,
): Promise<FirstSession> {
  const any = parseConnectionString(connectionString, {})
  let last: unknown
  for (const role of new Set([user ?? 'postgres', 'postgres']))
    for (const name of new Set([database ?? 'postgres', 'postgres', 'template1'])) {
      try {
        await using first = await connectTo(
          { ...any, user: role, database: name },
          { environment: {} },
          signal,
        )
        const [row] = await first.query<{ name: string }>(
          'SELECT rolname::text AS name FROM pg_catalog.pg_roles WHERE rolsuper AND rolcanlogin ORDER BY oid LIMIT 1',
          [],
          signal,
        )
        const target = { ...any, user: row?.name ?? role, database: name }
        const session = await connectTo(target, { environment: {} }, signal)
        return { session, target, [Symbol.asyncDispose]: () => session.close() }
      } catch (error) {
        signal.throwIfAborted()
        if (!isFault(error)) throw error
        last = error
      }
    }
  throw new Fault('SERVER_START', 'the restored server runs, and lets nobody in', {
    hint: 'See its own words above. A drill connects as the role of postgres.connection, or as postgres.',
    cause: last,
  })
}
