/**
 * Somebody who asked to be forgotten does not come back with a single table: whatever the request's SQL looks into, of which
 * most is not brought at first; and when it can not be carried out, no table comes back.
 */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { AppliedRecord, ErasureRecord } from '../src/repository/format/erasure-record.ts'
import { describeRun } from './support/holdfast.ts'
import { makeOwned } from './support/postgres-server.ts'
import { keysOf } from './support/repository-files.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { faultOf } from './support/restored-server.ts'

interface Restored {
  readonly plan: { readonly erasures: { readonly pending: readonly string[] } }
  readonly result: {
    readonly tables: readonly { readonly name: string; readonly rows: number }[]
    readonly attempts: number
    readonly erasures: readonly {
      readonly id: string
      readonly outcome: string
      readonly statements: readonly { readonly command: string; readonly rows: number | null }[]
    }[]
  }
}

const anna = "SELECT id FROM users WHERE email = 'anna@example.org'"

describe('a request to forget a person, while tables are brought back', () => {
  let lab: Lab
  let scratch: string

  beforeAll(async () => {
    lab = await openLab({ major: 15, build: 'debian', walSegmentSizeMb: 4, settings: { autovacuum: false } })
    scratch = join(lab.server.root, 'scratch')
    makeOwned(scratch)
    for (const sql of [
      'CREATE TABLE countries (id int PRIMARY KEY)',
      'INSERT INTO countries SELECT generate_series(1, 7)',
      'CREATE TABLE users (id int PRIMARY KEY, email text UNIQUE, notes text)',
      'CREATE INDEX users_by_notes ON users (md5(notes))',
      `INSERT INTO users SELECT i, 'n' || i || '@example.org', repeat(md5(i::text), 100) FROM generate_series(1, 500) i`,
      `UPDATE users SET email = 'anna@example.org' WHERE id = 42`,
      'CREATE TABLE orders (id int PRIMARY KEY, user_id int REFERENCES users ON DELETE CASCADE, filler text)',
      `INSERT INTO orders SELECT i, i % 500 + 1, repeat('x', 400) FROM generate_series(1, 5000) i`,
      'CREATE TABLE payments (id int PRIMARY KEY, order_id int REFERENCES orders ON DELETE CASCADE)',
      'INSERT INTO payments SELECT i, i FROM generate_series(1, 5000) i',
      // What a trigger writes into is looked into only when there are rows.
      'CREATE TABLE farewells (id int, at timestamptz)',
      `CREATE FUNCTION say_farewell() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN INSERT INTO farewells VALUES (OLD.id, now()); RETURN OLD; END $$`,
      'CREATE TRIGGER farewell BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION say_farewell()',
    ])
      await lab.server.query(sql)
    await lab.backup()
    for (const sql of [
      "SELECT pg_create_restore_point('with Anna')",
      'CREATE TABLE later (user_id int)',
      'DROP TABLE payments',
      'DROP TABLE orders',
    ])
      await lab.server.query(sql)
    // Requests are tried on the live server, which has to have what they name.
    await lab.server.query('CREATE TABLE orders (id int PRIMARY KEY, user_id int)')
    await lab.server.query('CREATE TABLE payments (id int)')
    await lab.archiveAll()
  })

  afterAll(() => lab[Symbol.asyncDispose]())

  /** In force until the end of the test. */
  const ask = async (sql: string): Promise<ErasureRecord> => {
    const path = join(lab.server.root, 'forget.sql')
    lab.write(path, sql)
    const added = await lab.json<ErasureRecord>(['erase', 'add', '--subject', 'request 4711', '--sql', path])
    onTestFinished(async () => {
      await lab.ok(['erase', 'withdraw', added.id, '--reason', 'the test is over'])
    })
    return added
  }

  const words = (table: string, ...more: readonly string[]): readonly string[] => [
    ...['restore-table', table, '--to-name', 'with Anna', '--scratch-dir', scratch, ...more],
  ]
  /** Into a schema that goes at the end of the test. */
  const bring = async (table: string, ...more: readonly string[]): Promise<Restored> => {
    onTestFinished(async () => {
      await lab.server.query('DROP SCHEMA IF EXISTS restored CASCADE')
    })
    return lab.json<Restored>(words(table, ...more))
  }

  const lastRecord = (): AppliedRecord | undefined =>
    keysOf(lab.repositoryDirectory)
      .filter(key => key.includes('/erasures/applied/'))
      .map(key => JSON.parse(readFileSync(join(lab.repositoryDirectory, key), 'utf8')) as AppliedRecord)
      .toSorted((a, b) => (a.at < b.at ? -1 : 1))
      .at(-1)

  test('deletes the person in the table, with what triggers and foreign keys do, and keeps a record of it', async () => {
    const request = await ask("DELETE FROM users WHERE email = 'anna@example.org';")
    const { plan, result } = await bring('users')
    expect(plan.erasures.pending).toEqual([request.id])
    expect(result.tables).toMatchObject([{ name: 'users', rows: 499 }])
    const statements = [{ command: 'DELETE', rows: 1 }]
    expect(result.erasures).toMatchObject([{ id: request.id, outcome: 'applied', statements }])
    expect(await lab.server.value('SELECT count(*) FROM restored.users WHERE id = 42')).toBe('0')
    expect(lastRecord()).toMatchObject({
      operation: 'restore-table',
      requests: [{ id: request.id, outcome: 'applied', statements }],
    })
    const entries = await lab.json<{ about: string | null }[]>(['audit', 'list', '--verb', 'erasure'])
    expect(JSON.stringify(entries.at(-1))).toContain(request.id)
    expect(await lab.server.value('SELECT count(*) FROM users WHERE id = 42')).toBe('1')
    expect(readdirSync(scratch)).toEqual([])
  })

  test('finds the person by another table, which is brought for that', async () => {
    await ask(`DELETE FROM orders WHERE user_id IN (${anna});`)
    const { result } = await bring('orders')
    expect(result.tables).toMatchObject([{ name: 'orders', rows: 4990 }])
    expect(result.erasures).toMatchObject([{ statements: [{ command: 'DELETE', rows: 10 }] }])
    expect(await lab.server.value('SELECT count(*) FROM restored.orders WHERE user_id = 42')).toBe('0')
  })

  test('reaches a table that it does not name, over foreign keys', async () => {
    await ask("DELETE FROM users WHERE email = 'anna@example.org';")
    const { result } = await bring('payments')
    expect(result.tables).toMatchObject([{ name: 'payments', rows: 4990 }])
  })

  test('is not led astray by a block that catches what an empty table makes of it', async () => {
    await ask(`DO $$
      DECLARE who int;
      BEGIN
        SELECT id INTO STRICT who FROM users WHERE email = 'anna@example.org';
        DELETE FROM orders WHERE user_id = who;
      EXCEPTION WHEN no_data_found THEN NULL;
      END $$;`)
    const { result } = await bring('orders')
    expect(result.tables).toMatchObject([{ name: 'orders', rows: 4990 }])
  })

  test('changes rows by indexes that are built for it', async () => {
    await ask("UPDATE users SET email = 'gone', notes = NULL WHERE email = 'anna@example.org';")
    const { result } = await bring('users')
    expect(result.tables).toMatchObject([{ name: 'users', rows: 500 }])
    expect(await lab.server.value("SELECT count(*) FROM restored.users WHERE email = 'gone'")).toBe('1')
    expect(
      await lab.server.value("SELECT count(*) FROM restored.users WHERE email = 'anna@example.org'"),
    ).toBe('0')
  })

  test('about other tables fetches nothing, unless something of theirs leads to the table', async () => {
    const request = await ask('DELETE FROM payments WHERE id = 42; DELETE FROM orders WHERE id = 42;')
    const { result } = await bring('countries')
    expect(result).toMatchObject({ attempts: 1, tables: [{ name: 'countries', rows: 7 }] })
    expect(result.erasures).toMatchObject([{ id: request.id, outcome: 'other tables', statements: [] }])
    // With a trigger on it, nobody can tell without its rows.
    await ask("DELETE FROM users WHERE email = 'anna@example.org';")
    const { result: careful } = await bring('countries', '--into', 'restored_too')
    expect(careful.attempts).toBeGreaterThan(1)
    expect(careful.erasures.map(({ outcome }) => outcome)).toEqual(['applied', 'applied'])
    await lab.server.query('DROP SCHEMA restored_too CASCADE')
  })

  test('that can not be carried out keeps the table back, and is told; on somebody’s word it comes', async () => {
    const request = await ask(`DELETE FROM later WHERE user_id = 42;`)
    const run = await lab.run([...words('users'), '--json'])
    expect(run.status, describeRun(run)).toBe(56)
    expect(faultOf(run).message).toContain(request.id)
    expect(faultOf(run).message).toContain('relation "later" does not exist')
    expect(
      await lab.server.value("SELECT count(*) FROM pg_namespace WHERE nspname ~ 'restored|holdfast'"),
    ).toBe('0')
    expect(readdirSync(scratch)).toEqual([])
    expect(lastRecord()).toMatchObject({ requests: [{ id: request.id, outcome: 'failed' }] })
    const { result } = await bring('users', '--skip-erasures', 'for the court')
    expect(result.tables).toMatchObject([{ name: 'users', rows: 500 }])
    expect(lastRecord()).toMatchObject({ skipReason: 'for the court' })
  })
})
