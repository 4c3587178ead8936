/**
 * A writer that keeps an invariant, and a journal of its own outside of the database.
 *
 * Each transaction moves money between two accounts and enters itself in a table, so that the sum of all balances
 * never changes, and a restored server shows exactly which transactions it holds. Some are rolled back, some have
 * savepoints. Several sessions write at once.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import type { TestServer } from './postgres-server.ts'
import { randomFrom, type Random } from './random.ts'

export interface Transfer {
  readonly session: number
  /** Counts the transfers of a session. */
  readonly number: number
  readonly xid: string
  readonly from: number
  readonly to: number
  readonly amount: number
  readonly committed: boolean
  /** As the server says it, to the microsecond, in UTC; absent when it was rolled back. */
  readonly committedAt: string | undefined
  /** Where the log ended when the session had its answer: at or after the end of the commit record. */
  readonly lsnAfter: string
}

export interface RestorePoint {
  readonly name: string
  /** The end of its record. */
  readonly lsn: string
}

export interface LedgerOptions {
  readonly seed: number
  readonly sessions?: number | undefined
  /** Transactions do not overlap, so that their order is known without reading the log. */
  readonly oneAtATime?: boolean | undefined
}

export interface Ledger extends AsyncDisposable {
  /** What was committed or rolled back, and answered, so far. In the order of the answers. */
  readonly journal: readonly Transfer[]
  readonly restorePoints: readonly RestorePoint[]
  /** Resolves when so many more transfers are in the journal than now. */
  more(count: number): Promise<void>
  restorePoint(name: string): Promise<RestorePoint>
  /** Resolves when no transaction is open; the sessions wait until `resume`. */
  pause(): Promise<void>
  resume(): void
  /** Lets every session end its transaction. Throws what a session has thrown. */
  stop(): Promise<void>
}

export const accountCount = 20
export const openingBalance = 1000

/** Makes the tables. `track_commit_timestamp` must be on. */
export async function createLedger(server: TestServer): Promise<void> {
  await server.query(`
    CREATE SCHEMA ledger;
    CREATE TABLE ledger.accounts (id int PRIMARY KEY, balance bigint NOT NULL);
    INSERT INTO ledger.accounts SELECT id, ${String(openingBalance)} FROM generate_series(1, ${String(accountCount)}) id;
    CREATE TABLE ledger.transfers (
      session int, number int, xid xid8, from_account int, to_account int, amount int, note text,
      PRIMARY KEY (session, number));
    CREATE INDEX ON ledger.transfers (xid)`)
}

export async function startLedger(server: TestServer, options: LedgerOptions): Promise<Ledger> {
  const sessions = options.oneAtATime ? 1 : (options.sessions ?? 3)
  const clients = await Promise.all(Array.from({ length: sessions }, () => server.connect()))
  return new Writer(server, clients, options.seed)
}

class Writer implements Ledger {
  readonly journal: Transfer[] = []
  readonly restorePoints: RestorePoint[] = []
  readonly #server: TestServer
  readonly #sessions: Promise<void>
  readonly #clients: readonly pg.Client[]
  #waiting: (() => void)[] = []
  #stopped = false
  /** While it is there, sessions wait for it before they begin. */
  #gate: Promise<void> | undefined
  #openGate: () => void = () => undefined
  #writing = 0
  #failure: unknown

  constructor(server: TestServer, clients: readonly pg.Client[], seed: number) {
    this.#server = server
    this.#clients = clients
    this.#sessions = Promise.all(
      clients.map((client, index) => this.#write(client, index, randomFrom(seed + index))),
    ).then(() => undefined)
    this.#sessions.catch((error: unknown) => {
      this.#failure = error
      this.#wake()
    })
  }

  async #write(client: pg.Client, session: number, random: Random): Promise<void> {
    for (let number = 1; !this.#stopped; number++) {
      while (this.#gate) await this.#gate
      this.#writing++
      this.journal.push(await transfer(client, session, number, random))
      this.#writing--
      this.#wake()
      // A pace, so that the load leaves some of the machine to what it is a load for.
      await delay(random.integer(0, 4))
    }
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resume of waiting) resume()
  }

  async more(count: number): Promise<void> {
    const wanted = this.journal.length + count
    await this.#when(() => this.journal.length >= wanted)
  }

  async #when(isSo: () => boolean): Promise<void> {
    for (;;) {
      this.#throwFailure()
      if (isSo()) return
      await new Promise<void>(resolve => this.#waiting.push(resolve))
    }
  }

  async restorePoint(name: string): Promise<RestorePoint> {
    const point = { name, lsn: await this.#server.value('SELECT pg_create_restore_point($1)', [name]) }
    this.restorePoints.push(point)
    return point
  }

  async pause(): Promise<void> {
    this.#gate = new Promise(resolve => (this.#openGate = resolve))
    await this.#when(() => this.#writing === 0)
  }

  resume(): void {
    this.#gate = undefined
    this.#openGate()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.resume()
    await this.#sessions.catch(() => undefined)
    await Promise.all(this.#clients.map(client => client.end().catch(() => undefined)))
    this.#throwFailure()
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw new Error('the writer failed', { cause: this.#failure })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop().catch(() => undefined)
  }
}

async function transfer(
  client: pg.Client,
  session: number,
  number: number,
  random: Random,
): Promise<Transfer> {
  // Locks are taken in the order of the accounts, or two sessions would wait for each other.
  const [low, high] = twoAccounts(random)
  const [from, to] = random.chance(0.5) ? [low, high] : [high, low]
  const amount = random.integer(1, 50)
  const committed = !random.chance(0.05)
  const change = (id: number): string =>
    `UPDATE ledger.accounts SET balance = balance ${id === from ? '-' : '+'} ${String(amount)} WHERE id = ${String(id)}`
  const enter = `INSERT INTO ledger.transfers VALUES
    (${[session, number, 'pg_current_xact_id()', from, to, amount].join(', ')}, repeat('x', ${String(random.integer(0, 300))}))
    RETURNING xid::text`
  const results = (await client.query(
    [
      'BEGIN',
      ...(random.chance(0.1) ? ['SAVEPOINT a', change(low), 'ROLLBACK TO SAVEPOINT a', 'SAVEPOINT b'] : []),
      change(low),
      change(high),
      enter,
      committed ? 'COMMIT' : 'ROLLBACK',
    ].join(';'),
  )) as unknown as readonly pg.QueryResult<{ xid: string }>[]
  const xid = results.findLast(result => result.command === 'INSERT')?.rows[0]?.xid ?? ''
  const after = await client.query<{ committed_at: string | null; lsn: string }>(
    `SELECT to_char(pg_xact_commit_timestamp($1::xid8::xid) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS committed_at,
            pg_current_wal_insert_lsn()::text AS lsn`,
    [xid],
  )
  const { committed_at: committedAt = null, lsn = '' } = after.rows[0] ?? {}
  return {
    session,
    number,
    xid,
    from,
    to,
    amount,
    committed,
    committedAt: committedAt ?? undefined,
    lsnAfter: lsn,
  }
}

function twoAccounts(random: Random): readonly [number, number] {
  const first = random.integer(1, accountCount)
  const second = 1 + ((first - 1 + random.integer(1, accountCount - 1)) % accountCount)
  return first < second ? [first, second] : [second, first]
}
