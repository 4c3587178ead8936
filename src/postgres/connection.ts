/**
 * A connection to a PostgreSQL server: every statement has a limit of time on both sides, a break is told by a
 * signal, and whatever goes wrong is a fault with a hint.
 *
 * Statements run one after another, in the order of the calls. The session is set up so that results do not
 * depend on the role's settings: UTC, ISO dates, and names looked up in pg_catalog alone.
 */
import type pg from 'pg'
import { Fault } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { minute, second } from '../base/units.ts'
import { parseConnectionString, type ConnectionTarget, type Environment } from './connection-string.ts'
import { describePlace, lostFault, statementFault, type Place } from './connection-faults.ts'
import { openClient } from './client.ts'
import { cancelStatement } from './cancel.ts'

export type SqlRow = Readonly<Record<string, unknown>>

export interface StatementOptions {
  /** Instead of limits.postgresStatementMsMax. */
  readonly timeoutMs?: number | undefined
}

/**
 * One session. Numbers of up to four bytes and booleans come as such; everything else (bigint, times, LSNs,
 * numeric) comes as text, exactly as PostgreSQL prints it.
 */
export interface Server extends AsyncDisposable {
  /** For people to read: `/run/postgresql:5432`. Holds no secret. */
  readonly where: string
  readonly user: string
  readonly database: string
  /** `server_version_num`, for example 150018. */
  readonly versionNumber: number
  readonly major: number
  /** `server_version`, for example `15.18 (Debian 15.18-0+deb12u1)`. */
  readonly version: string
  readonly backendPid: number
  /** Aborts, with a fault as its reason, when the connection breaks. Not when it is closed. */
  readonly lost: AbortSignal
  /** Aborting cancels the statement on the server; the session stays usable. */
  query<T extends SqlRow>(
    sql: string,
    parameters: readonly unknown[],
    signal: AbortSignal,
    options?: StatementOptions,
  ): Promise<readonly T[]>
  /**
   * Runs what somebody else wrote: exactly one statement, since the server refuses two. Its rows are dropped.
   */
  execute(sql: string, signal: AbortSignal, options?: StatementOptions): Promise<Executed>
  close(): Promise<void>
}

export interface Executed {
  /** `DELETE`, `UPDATE`, `DO`, …. */
  readonly command: string
  /** Of what counts rows. */
  readonly rows: number | undefined
}

export interface ConnectOptions {
  /** For PGPASSWORD, PGPASSFILE, HOME and the like. */
  readonly environment: Environment
  readonly applicationName?: string | undefined
}

/** The versions that Holdfast knows; others are refused, since the layout of their files is not known. */
export const supportedMajors = { oldest: 14, newest: 18 } as const

export async function connect(
  connectionString: string,
  options: ConnectOptions,
  signal: AbortSignal,
): Promise<Server> {
  return connectTo(parseConnectionString(connectionString, options.environment), options, signal)
}

export async function connectTo(
  target: ConnectionTarget,
  options: ConnectOptions,
  signal: AbortSignal,
): Promise<Server> {
  const { client, place } = await openClient(target, options.applicationName ?? 'holdfast', signal)
  const session = new Session(client, place)
  try {
    await session.begin(signal)
    return session
  } catch (error) {
    await session.close()
    throw error
  }
}

class Session implements Server {
  readonly #client: pg.Client
  readonly #place: Place
  readonly #lost = new AbortController()
  #closed = false
  #queue: Promise<unknown> = Promise.resolve()
  /** Undefined: not known. */
  #timeoutMs: number | undefined = limits.postgresStatementMsMax
  versionNumber = 0
  version = ''
  backendPid = 0

  constructor(client: pg.Client, place: Place) {
    this.#client = client
    this.#place = place
    const lose = (error: unknown): void => {
      if (!this.#closed) this.#lost.abort(lostFault(error, place))
    }
    client.on('error', lose)
    client.on('end', () => {
      lose(new Error('the server closed the connection'))
    })
  }

  get where(): string {
    return describePlace(this.#place)
  }

  get user(): string {
    return this.#place.user
  }

  get database(): string {
    return this.#place.database
  }

  get major(): number {
    return Math.floor(this.versionNumber / 10_000)
  }

  get lost(): AbortSignal {
    return this.#lost.signal
  }

  async begin(signal: AbortSignal): Promise<void> {
    const [row] = await this.query<{ number: number; version: string; pid: number }>(sessionSql, [], signal)
    this.versionNumber = row?.number ?? 0
    this.version = row?.version ?? ''
    this.backendPid = row?.pid ?? 0
    if (this.major >= supportedMajors.oldest && this.major <= supportedMajors.newest) return
    throw new Fault(
      'POSTGRES_UNSUPPORTED',
      `PostgreSQL at ${this.where} is version ${this.version}; ${String(supportedMajors.oldest)} to ${String(supportedMajors.newest)} are supported`,
      {
        hint:
          this.major < supportedMajors.oldest
            ? 'Upgrade PostgreSQL.'
            : 'Upgrade Holdfast to a release that knows this version.',
      },
    )
  }

  async query<T extends SqlRow>(
    sql: string,
    parameters: readonly unknown[],
    signal: AbortSignal,
    options: StatementOptions = {},
  ): Promise<readonly T[]> {
    const values = parameters.length > 0 ? { values: [...parameters] } : {}
    const result = await this.#inTurn<T>({ text: sql, ...values }, options, signal)
    // Several statements in one text have several results, of which the last is meant, as psql has it.
    const results: readonly pg.QueryResult<T>[] = [result].flat()
    return results.at(-1)?.rows ?? []
  }

  async execute(sql: string, signal: AbortSignal, options: StatementOptions = {}): Promise<Executed> {
    const query = { text: sql, queryMode: 'extended' }
    const { command, rowCount } = await this.#inTurn(query, options, signal)
    return { command, rows: rowCount ?? undefined }
  }

  async #inTurn<T extends SqlRow>(
    query: pg.QueryConfig,
    options: StatementOptions,
    signal: AbortSignal,
  ): Promise<pg.QueryResult<T>> {
    const turn = this.#queue.then(() =>
      this.#runInTurn<T>(query, options.timeoutMs ?? limits.postgresStatementMsMax, signal),
    )
    this.#queue = turn.catch(() => undefined)
    return turn
  }

  async #runInTurn<T extends SqlRow>(
    query: pg.QueryConfig,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<pg.QueryResult<T>> {
    signal.throwIfAborted()
    this.#lost.signal.throwIfAborted()
    // A transaction that failed takes no other word than this one, which takes back what was set in it.
    const isRollback = /^ROLLBACK\b/.test(query.text)
    if (timeoutMs !== this.#timeoutMs && !isRollback) {
      const text = `SET statement_timeout = ${String(timeoutMs)}`
      await this.#run({ text }, Math.min(timeoutMs, minute), signal)
      this.#timeoutMs = timeoutMs
    }
    try {
      return await this.#run<T>(query, timeoutMs, signal)
    } finally {
      if (isRollback) this.#timeoutMs = undefined
    }
  }

  async #run<T extends SqlRow>(
    query: pg.QueryConfig,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<pg.QueryResult<T>> {
    // The server ends the statement first; our own limit is for a server or network that does not answer at all.
    const silence = AbortSignal.timeout(timeoutMs + limits.postgresSilenceMsMax)
    const watch = this.#watch(silence, signal)
    try {
      return await this.#client.query<T>(query)
    } catch (error) {
      signal.throwIfAborted()
      throw this.#lost.signal.aborted
        ? this.#lost.signal.reason
        : statementFault(error, this.#place, this.major)
    } finally {
      await watch.end()
    }
  }

  /** Cancels the statement that runs when `signal` aborts, and drops the connection when the server is silent. */
  #watch(silence: AbortSignal, signal: AbortSignal): { end(): Promise<void> } {
    const ended = new AbortController()
    let cancelling: Promise<void> | undefined
    const giveUp = (): void => {
      this.#destroy(new Error('the server does not answer'))
    }
    const cancel = (): void => {
      cancelling = cancelStatement(this.#client, this.#place)
      AbortSignal.timeout(limits.postgresSilenceMsMax).addEventListener('abort', giveUp, {
        signal: ended.signal,
      })
    }
    silence.addEventListener('abort', giveUp, { signal: ended.signal })
    signal.addEventListener('abort', cancel, { signal: ended.signal })
    return {
      end: async () => {
        ended.abort()
        await cancelling // A request that is still under way would hit the next statement.
      },
    }
  }

  #destroy(reason: Error): void {
    if (!this.#closed) this.#lost.abort(lostFault(reason, this.#place))
    this.#client.connection.stream.destroy(reason)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    if (this.#lost.signal.aborted) return
    const slow = AbortSignal.timeout(5 * second)
    slow.addEventListener('abort', () => {
      this.#client.connection.stream.destroy()
    })
    await this.#client.end().catch(() => undefined)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** A role's limits for idle sessions and long transactions are not meant for a backup, which is both. */
const sessionSql = `
  SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4 AS number,
         pg_catalog.current_setting('server_version') AS version,
         pg_catalog.pg_backend_pid() AS pid,
         pg_catalog.set_config('search_path', 'pg_catalog', false) AS path,
         pg_catalog.set_config('TimeZone', 'UTC', false) AS zone,
         pg_catalog.set_config('DateStyle', 'ISO', false) AS dates,
         (SELECT pg_catalog.count(pg_catalog.set_config(name, '0', false)) FROM pg_catalog.pg_settings
           WHERE name IN ('idle_session_timeout', 'transaction_timeout')) AS timeouts`
