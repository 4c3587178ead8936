/** Runs one request to forget a person: all of its statements in one transaction, each counted. */
import { Fault, isFault, messageOf } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { Server } from '../../postgres/connection.ts'
import type { CountedStatement } from '../../repository/format/erasure-record.ts'

export type Ending = 'commit' | 'roll back'

/** Looks at the transaction of a request while it still stands: before its end; or after a failure, when its locks are gone. */
export type Watch = (server: Server, state: 'done' | 'failed', signal: AbortSignal) => Promise<void>

export interface HowToRun {
  readonly ending: Ending
  readonly lockMsMax: number | undefined
  readonly watch?: Watch | undefined
}

/** ERASURE_INVALID, with the number of the statement, when one fails; nothing is changed then. */
export async function runRequest(
  server: Server,
  statements: readonly string[],
  { ending, lockMsMax, watch }: HowToRun,
  signal: AbortSignal,
): Promise<readonly CountedStatement[]> {
  await server.query(beginning(lockMsMax), [], signal)
  try {
    const work = (): Promise<readonly CountedStatement[]> => runStatements(server, statements, signal)
    const counted = await (watch ? watched(server, watch, work, signal) : work())
    await server.query(ending === 'commit' ? 'COMMIT' : 'ROLLBACK', [], signal)
    return counted
  } catch (error) {
    if (!server.lost.aborted)
      await server
        .query('ROLLBACK', [], AbortSignal.timeout(limits.postgresStatementMsMax))
        .catch(() => undefined)
    throw error
  }
}

async function runStatements(
  server: Server,
  statements: readonly string[],
  signal: AbortSignal,
): Promise<readonly CountedStatement[]> {
  const counted: CountedStatement[] = []
  for (const [index, text] of statements.entries())
    counted.push(await runStatement(server, { number: index + 1, text }, signal))
  await checkConstraints(server, signal)
  return counted
}

/** A savepoint keeps the transaction fit to be asked after a failure. */
async function watched<T>(
  server: Server,
  watch: Watch,
  work: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  await server.query('SAVEPOINT holdfast', [], signal)
  try {
    const result = await work()
    await watch(server, 'done', signal)
    return result
  } catch (error) {
    if (!server.lost.aborted && !signal.aborted) {
      // With the limit of the statements: to set another one is refused before this is done.
      const options = { timeoutMs: limits.erasureStatementMsMax }
      await server.query('ROLLBACK TO SAVEPOINT holdfast', [], signal, options)
      await watch(server, 'failed', signal)
    }
    throw error
  }
}

/** Names are found as the database and the role say, and times read so: not as our own sessions have it. */
const beginning = (lockMsMax: number | undefined): string =>
  [
    'BEGIN READ WRITE',
    ...['search_path', 'TimeZone', 'DateStyle'].map(name => `SET LOCAL ${name} TO DEFAULT`),
    ...(lockMsMax === undefined ? [] : [`SET LOCAL lock_timeout = ${String(lockMsMax)}`]),
  ].join('; ')

async function runStatement(
  server: Server,
  { number, text }: { readonly number: number; readonly text: string },
  signal: AbortSignal,
): Promise<CountedStatement> {
  try {
    const options = { timeoutMs: limits.erasureStatementMsMax }
    const { command, rows } = await server.execute(text, signal, options)
    return { command, rows: changesRows(command) ? (rows ?? null) : null }
  } catch (error) {
    throw failed(`statement ${String(number)}`, error, signal)
  }
}

/** What is checked only now (deferred constraints) is checked for a trial, too. */
async function checkConstraints(server: Server, signal: AbortSignal): Promise<void> {
  try {
    await server.query('SET CONSTRAINTS ALL IMMEDIATE', [], signal, {
      timeoutMs: limits.erasureStatementMsMax,
    })
  } catch (error) {
    throw failed('a constraint that is checked at the end', error, signal)
  }
}

const changesRows = (command: string): boolean => /^(DELETE|UPDATE|INSERT|MERGE)$/.test(command)

/** Where the connection broke, that is what is told. */
function failed(what: string, error: unknown, signal: AbortSignal): unknown {
  signal.throwIfAborted()
  if (!isFault(error, 'POSTGRES_REFUSED')) return error
  // What the server said, without who refused what.
  const said = error.cause instanceof Error ? error.cause.message : messageOf(error)
  return new Fault('ERASURE_INVALID', `${what} failed: ${said}`, {
    hint: 'Mend the SQL; nothing was changed.',
    cause: error,
  })
}

/** So many rows, of all statements that count them. */
export const rowsOf = (statements: readonly CountedStatement[]): number =>
  statements.reduce((sum, { rows }) => sum + (rows ?? 0), 0)

/** Nothing was found, by statements that all tell what they found. */
export const foundNothing = (statements: readonly CountedStatement[]): boolean =>
  statements.every(({ rows }) => rows === 0)
