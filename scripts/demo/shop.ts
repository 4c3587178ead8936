/** The data of the story: a shop with orders, payments for them, and accounts that the money moves between. */
import { createHash } from 'node:crypto'
import type pg from 'pg'

export const accountCount = 100
export const moneyInAll = 100_000

/** The first orders; the rest comes while the writer already pays for these. */
export const ordersAtFirst = 1000

const schema = `
  CREATE TABLE orders (
    id bigint PRIMARY KEY, customer text NOT NULL, placed_at timestamptz NOT NULL, total numeric(10, 2) NOT NULL,
    items jsonb NOT NULL, note text NOT NULL
  );
  CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL);
  CREATE TABLE payment (
    id bigint PRIMARY KEY, order_id bigint NOT NULL, from_account int NOT NULL, to_account int NOT NULL,
    amount bigint NOT NULL
  );
  INSERT INTO account SELECT n, ${String(moneyInAll / accountCount)} FROM generate_series(1, ${String(accountCount)}) AS n;
`

/** Text that compresses about as well as what people and programs write. */
const someOrders = `
  INSERT INTO orders
  SELECT n, 'customer ' || (random() * 90000)::int, timestamptz '2026-01-01' + n * interval '20 s',
    (random() * 500)::numeric(10, 2),
    jsonb_build_object('sku', md5(n::text), 'quantity', (random() * 9)::int + 1, 'price', (random() * 100)::numeric(6, 2),
      'options', jsonb_build_array('gift wrap', 'express', left(md5((n / 7)::text), 12))),
    'leave it at door ' || n % 97 || '; reference ' || md5((n * 31)::text) || md5((n * 37)::text)
  FROM generate_series($1::bigint, $2::bigint) AS n
`

export async function openShop(db: pg.Client): Promise<void> {
  await db.query(schema)
  await db.query(someOrders, [1, ordersAtFirst])
}

/** Up to the order with the number `last`; in batches, as an import would, and so that a stop is soon heard. */
export async function loadOrders(db: pg.Client, last: number, signal: AbortSignal): Promise<void> {
  const batch = 50_000
  const there = Number(await one<string>(db, 'SELECT max(id) FROM orders'))
  for (let first = there + 1; first <= last; first += batch) {
    signal.throwIfAborted()
    await db.query(someOrders, [first, Math.min(last, first + batch - 1)])
  }
}

export interface Fingerprint {
  readonly rows: number
  readonly hash: string
}

/** The number of rows, and one SHA-256 over every value of every row: any difference changes it. */
export async function fingerprintOrders(db: pg.Client, signal: AbortSignal): Promise<Fingerprint> {
  const hash = createHash('sha256')
  const batch = 50_000
  let rows = 0
  for (let after = 0; ;) {
    signal.throwIfAborted()
    // The server hashes the rows, or half a gigabyte would have to travel.
    const result = await db.query<{ count: string; last: string | null; hash: string }>(
      `SELECT count(*), max(id) AS last, encode(sha256(string_agg(sha256(convert_to(o::text, 'UTF8')), '' ORDER BY id)), 'hex') AS hash
       FROM (SELECT * FROM orders WHERE id > $1 ORDER BY id LIMIT $2) AS o`,
      [after, batch],
    )
    const [part] = result.rows
    if (!part || part.last === null) return { rows, hash: hash.digest('hex') }
    hash.update(part.hash)
    rows += Number(part.count)
    after = Number(part.last)
  }
}

export async function one<T>(db: pg.Client, sql: string, values: readonly unknown[] = []): Promise<T> {
  const { rows } = await db.query<Record<string, T>>(sql, [...values])
  const [row] = rows
  if (!row) throw new Error(`no row: ${sql}`)
  return Object.values(row)[0] as T
}
