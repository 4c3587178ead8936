/** Runs one request to forget a person: all of its statements in one transaction, each counted. */
import { Fault, isFault, messageOf } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { Server } from '../../postgres/connection.ts'
import type { CountedStatement } from '../../repository/format/erasure-record.ts'

export type Ending = 'commit' | 'roll back'

/** ERASURE_INVALID, with the number of the statement, when one fails; nothing is changed then. */
export async function runRequest(
  server: Server,
  statements: readonly string[],
  { ending, lockMsMax }: { readonly ending: Ending; readonly lockMsMax: number | undefined },
  signal: AbortSignal,
): Promise<readonly CountedStatement[]> {
  await server.query(beginning(lockMsMax), [], signal)
  try {
    const counted: CountedStatement[] = []
    for (const [index, text] of statements.entries())
      counted.push(await runStatement(server, { number: index + 1, text }, signal))
    await end(server, ending, signal)
    return counted
  } catch (error) {
    if (!server.lost.aborted)
      await server
        .query('ROLLBACK', [], AbortSignal.timeout(limits.postgresStatementMsMax))
        .catch(() => undefined)
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
async function end(server: Server, ending: Ending, signal: AbortSignal): Promise<void> {
  try {
    await server.query('SET CONSTRAINTS ALL IMMEDIATE', [], signal, {
      timeoutMs: limits.erasureStatementMsMax,
    })
  } catch (error) {
    throw failed('a constraint that is checked at the end', error, signal)
  }
  await server.query(ending === 'commit' ? 'COMMIT' : 'ROLLBACK', [], signal)
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
