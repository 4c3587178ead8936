/** How a restored database gets its name, and one that has it gives way. */
import { Fault, isFault, messageOf } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { Clock } from '../../base/world.ts'
import type { Server } from '../../postgres/connection.ts'
import { quoteIdentifier } from '../../postgres/dump-archive/database-statements.ts'
import { connectBeside, longStatement, type TargetPlace } from './target-place.ts'

export interface NameDeps {
  readonly server: Server
  readonly place: TargetPlace
  readonly clock: Clock
}

export interface Names {
  readonly temporary: string
  readonly name: string
  /** What the database that has the name is called afterwards; undefined: nobody has it. */
  readonly oldName: string | undefined
}

export interface Swapped {
  /** Sessions in the old database that were ended. */
  readonly ended: number
}

/**
 * Both names change in one transaction, so that whatever happens meanwhile, one of the two databases has the name and is
 * open. While it waits for those who are in the old one, PostgreSQL lets nobody else in: new ones wait, too, and are in the
 * new one then.
 */
export async function takeName(
  deps: NameDeps,
  { temporary, name, oldName }: Names,
  signal: AbortSignal,
): Promise<Swapped> {
  const { server } = deps
  const rename = (from: string, to: string): string =>
    `ALTER DATABASE ${quoteIdentifier(from)} RENAME TO ${quoteIdentifier(to)}`
  if (oldName === undefined) {
    await server.query(rename(temporary, name), [], signal, longStatement)
    return { ended: 0 }
  }
  await using ender = await connectBeside(deps.place, name, signal)
  signal.throwIfAborted()
  // From here on it takes seconds, and whether it was done must not be left open: a word to stop comes too late.
  const swap = server.query(
    [
      `SET LOCAL lock_timeout = ${String(limits.databaseLockMsMax)}`,
      rename(name, oldName),
      rename(temporary, name),
    ].join('; '),
    [],
    AbortSignal.timeout(limits.dumpCleanUpMsMax),
    longStatement,
  )
  const [swapped, ended] = await Promise.allSettled([swap, endSessions(deps.clock, ender, name, swap)])
  if (swapped.status === 'fulfilled') return { ended: ended.status === 'fulfilled' ? ended.value : 0 }
  if (isFault(swapped.reason, 'POSTGRES_UNREACHABLE')) throw swapped.reason
  // Who may not end a session is told that, and not what came of it.
  const reason: unknown = ended.status === 'rejected' ? ended.reason : swapped.reason
  throw new Fault('DATABASE_EXISTS', `database "${name}" can not be taken out of use: ${messageOf(reason)}`, {
    hint: 'It is as it was, and open. Look for prepared transactions in it, and for sessions that may not be ended, and run the restore again.',
    cause: reason,
  })
}

const pauseMs = 50

/** Ends those who are in the database (PostgreSQL sees to its own vacuum workers) until `swap` has been done or has failed. How many they were. */
async function endSessions(
  clock: Clock,
  ender: Server,
  name: string,
  swap: Promise<unknown>,
): Promise<number> {
  const over = new AbortController()
  const end = (): void => {
    over.abort()
  }
  void swap.then(end, end)
  const ended = new Set<number>()
  while (!over.signal.aborted) {
    const sessions = await ender.query<{ pid: number }>(
      `SELECT pid, pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
        WHERE datname = $1 AND backend_type <> 'autovacuum worker'`,
      [name],
      AbortSignal.timeout(limits.postgresStatementMsMax),
    )
    for (const { pid } of sessions) ended.add(pid)
    await clock.sleep(pauseMs, over.signal).catch(() => undefined)
  }
  return ended.size
}
