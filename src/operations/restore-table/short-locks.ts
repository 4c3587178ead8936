/**
 * Locks on tables that others use. Who waits for one keeps all waiting who come after him; so it is waited for only a moment, and
 * asked for again after a pause, in which the others get on.
 */
import { Fault, isFault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { Progress } from '../../base/progress.ts'
import type { Clock } from '../../base/world.ts'
import type { Server, SqlRow } from '../../postgres/connection.ts'
import { listed } from './belongings.ts'

export interface LockDeps {
  readonly live: Server
  readonly clock: Clock
  readonly progress: Progress
}

/** One transaction, begun anew until it has its locks; what else fails in it is thrown. POSTGRES_REFUSED names who is in the way. */
export async function withShortLocks<T>(
  { live, clock, progress }: LockDeps,
  work: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    await live.query('BEGIN', [], signal)
    try {
      await live.query(`SET LOCAL lock_timeout = ${String(limits.tableLockMsMax)}`, [], signal)
      const result = await work()
      await live.query('COMMIT', [], signal)
      return result
    } catch (error) {
      if (!live.lost.aborted)
        await live.query('ROLLBACK', [], AbortSignal.timeout(limits.postgresStatementMsMax))
      if (!isLockTimeout(error)) throw error
      const holders = await holdersOf(live, signal)
      if (tries === limits.tableLockTriesMax) throw inUse(holders, error)
      if (tries === 1)
        progress.note(`waiting for a lock on a table, without keeping others waiting: ${holders}`)
    }
    await clock.sleep(limits.tableLockPauseMs, signal)
  }
}

function isLockTimeout(error: unknown): boolean {
  if (!isFault(error, 'POSTGRES_REFUSED')) return false
  const { cause } = error
  return cause instanceof Error && 'code' in cause && cause.code === lockNotAvailable
}

const lockNotAvailable = '55P03'

interface Holder extends SqlRow {
  readonly pid: number
  readonly name: string
  readonly state: string | null
  readonly since: string | null
}

/** Who has been in a transaction for longest, on tables of this database: most likely it is one of them. */
async function holdersOf(live: Server, signal: AbortSignal): Promise<string> {
  const holders = await live.query<Holder>(
    `SELECT DISTINCT a.pid, a.usename::text AS name, a.state, a.xact_start::text AS since
       FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
       JOIN pg_catalog.pg_class c ON c.oid = l.relation AND c.relnamespace <> 'pg_catalog'::regnamespace
      WHERE l.granted AND l.locktype = 'relation' AND a.pid <> pg_catalog.pg_backend_pid()
        AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
      ORDER BY 4 LIMIT 5`,
    [],
    signal,
  )
  if (holders.length === 0) return 'nobody has one at this moment'
  return `in use by ${listed(
    holders.map(
      ({ pid, name, state, since }) =>
        `process ${String(pid)} of ${name} (${state ?? 'state unknown'}, since ${since ?? 'unknown'})`,
    ),
  )}`
}

const inUse = (holders: string, cause: unknown): Fault =>
  new Fault('POSTGRES_REFUSED', `a table is in use, and could not be locked: ${holders}`, {
    hint: 'End those transactions, or wait until they are over, and run the restore again. Nothing was changed.',
    cause,
  })
