/** Whole schemas and whole databases that were dropped: with all that pg_dump gives of them, on a real server. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeRun } from './support/holdfast.ts'
import { makeOwned } from './support/postgres-server.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { faultOf } from './support/restored-server.ts'
import { portrait, richSchema } from './support/rich-database.ts'
import { portraitOfSchema, sales } from './support/sales-schema.ts'
import { until } from './support/until.ts'

interface Restored {
  readonly result: {
    readonly tables: readonly { readonly name: string; readonly rows: number }[]
    readonly wholes: readonly { readonly name: string; readonly replaced: string | null }[]
    readonly objects: Readonly<Record<string, number>>
    readonly warnings: readonly string[]
  }
}

/** Types, functions, a sequence, a view, and no table. */
const tableless = `
  CREATE SCHEMA "Kinds of";
  CREATE TYPE "Kinds of".size AS ENUM ('s', 'm', 'l');
  CREATE FUNCTION "Kinds of".twice(n int) RETURNS int LANGUAGE sql AS $$ SELECT 2 * n $$;
  CREATE SEQUENCE "Kinds of".numbers START 7;
  SELECT nextval('"Kinds of".numbers');
  CREATE VIEW "Kinds of".next AS SELECT last_value + 1 AS n FROM "Kinds of".numbers`

describe('restore-table of whole schemas and databases', () => {
  let lab: Lab
  let scratch: string
  let salesBefore: string[]
  let shopBefore: string[]

  beforeAll(async () => {
    lab = await openLab({ major: 15, build: 'debian', walSegmentSizeMb: 4, settings: { autovacuum: false } })
    scratch = join(lab.server.root, 'scratch')
    makeOwned(scratch)
    await lab.server.query(sales)
    await lab.server.query('CREATE ROLE rich_owner')
    await lab.server.query('CREATE ROLE "rich reader"')
    await lab.server.query(
      `CREATE DATABASE "odd & shop" OWNER rich_owner ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`,
    )
    await lab.server.query(`ALTER DATABASE "odd & shop" SET work_mem = '7MB'`)
    await lab.server.query(`COMMENT ON DATABASE "odd & shop" IS 'all of it'`)
    await inShop(client => client.query(richSchema(15, 3)))
    await lab.backup()
    await lab.server
      .query(`INSERT INTO sales.orders (name) VALUES ('after the backup'); CREATE TABLE sales.later AS SELECT 1 AS one;
      CREATE VIEW sales.newer AS SELECT one FROM sales.later`)
    await inShop(client =>
      client.query(
        "INSERT INTO nothing VALUES (77); CREATE TABLE late (t text); SELECT lo_from_bytea(7000, 'late')",
      ),
    )
    salesBefore = await portraitOf('sales')
    shopBefore = await inShop(portrait)
    await lab.server.query(tableless)
    await lab.server.query('DROP SCHEMA "Kinds of" CASCADE')
    // Whoever made it anew dropped something else in it.
    await lab.server.query('CREATE SCHEMA "Kinds of"; CREATE TABLE "Kinds of".t (); DROP TABLE "Kinds of".t')
    await lab.server.query('DROP SCHEMA sales CASCADE')
    await lab.server.query('DROP DATABASE "odd & shop"')
    await lab.archiveAll()
  })

  afterAll(() => lab[Symbol.asyncDispose]())

  type Client = Awaited<ReturnType<Lab['server']['connect']>>
  async function inShop<T>(work: (client: Client) => Promise<T>, database = 'odd & shop'): Promise<T> {
    const client = await lab.server.connect(database)
    try {
      return await work(client)
    } finally {
      await client.end()
    }
  }
  const portraitOf = (schema: string): Promise<string[]> => portraitOfSchema(lab.server, schema)
  const bring = async (...words: readonly string[]): Promise<Restored['result']> =>
    (await lab.json<Restored>(['restore-table', '--scratch-dir', scratch, ...words])).result
  const refused = async (...words: readonly string[]): Promise<string> => {
    const run = await lab.run(['restore-table', '--json', '--scratch-dir', scratch, ...words])
    expect(run.status, describeRun(run)).not.toBe(0)
    return faultOf(run).message
  }

  test('a schema comes back with everything that was in it, and what is gone besides is told', async () => {
    const { wholes, tables, objects, warnings } = await bring('--schema', 'sales', '--before-drop')
    expect(wholes).toMatchObject([{ name: 'sales', replaced: null }])
    expect(tables.map(({ name, rows }) => `${name} ${String(rows)}`)).toEqual([
      'fast 0',
      'later 1',
      'lines 500',
      'orders 501',
    ])
    expect(objects).toMatchObject({ VIEW: 2, 'MATERIALIZED VIEW': 1, FUNCTION: 3, EXTENSION: 1, DOMAIN: 1 })
    expect(await portraitOf('sales')).toEqual(salesBefore)
    expect(warnings).toEqual([
      expect.stringMatching(/^empty, since unlogged .*: sales\.fast$/),
      expect.stringMatching(
        /^still gone, .*: the column reports\.uses\.n, the view reports\.daily, the view reports\.weekly$/,
      ),
    ])
    expect(readdirSync(scratch)).toEqual([])
  })

  test('a schema that had no table, and was made after the backup, comes back as before its own drop', async () => {
    const { tables, objects } = await bring('--schema', '"Kinds of"', '--before-drop')
    expect(tables).toEqual([])
    expect(objects).toMatchObject({ FUNCTION: 1, TYPE: 1, SEQUENCE: 1, VIEW: 1 })
    expect(await lab.server.value('SELECT "Kinds of".twice(21)')).toBe('42')
    expect(await lab.server.value('SELECT n >= 8 FROM "Kinds of".next')).toBe('true')
    expect(await refused('--schema', 'Kinds', '--before-drop')).toContain('there is no schema Kinds, neither')
    expect(await refused('sales.ordres', '--before-drop')).toContain(
      'there is no table sales.ordres, neither',
    )
  })

  test('one that is there is not touched without a word; it stays under another name, or the other one comes beside', async () => {
    expect(await refused('--schema', 'sales', '--before-drop')).toContain(
      'schema sales in postgres, and it is not empty',
    )
    expect(await refused('--schema', 'nowhere', '--latest')).toContain('there is no schema nowhere')
    expect(await refused('--schema', 'sales', '--before-drop', '--as', 'then')).toContain(
      'the extension hstore',
    )
    expect(await refused('--schema', 'sales', '--latest', '--into', 'x')).toContain('--into is for tables')
    expect(await refused('sales.orders', '--schema', 'sales', '--latest')).toContain(
      'either tables, or --schema',
    )
    await lab.server.query(
      'DROP EXTENSION hstore CASCADE; CREATE VIEW reports.daily AS SELECT id FROM sales.orders',
    )
    const replacing = ['--schema', 'sales', '--before-drop', '--replace']
    expect(await refused(...replacing)).toContain('the view reports.daily')
    await lab.server.query('DROP VIEW reports.daily; DELETE FROM sales.orders WHERE false')
    const { wholes } = await bring(...replacing)
    expect(await portraitOf('sales')).toEqual(salesBefore)
    const old = wholes[0]?.replaced ?? ''
    expect(old).toMatch(/^replaced_\d{8}t\d{6}$/)
    expect(await lab.server.value(`SELECT count(*) FROM ${old}.orders`)).toBe('501')
    expect(await lab.server.value("SELECT count(*) FROM pg_namespace WHERE nspname ~ '^holdfast_'")).toBe('0')
  })

  test('an interruption leaves nothing behind', async () => {
    await lab.server.query('DROP SCHEMA sales CASCADE')
    const holder = await lab.server.connect()
    await holder.query('BEGIN; LOCK TABLE regions')
    const running = lab.start([
      'restore-table',
      '--scratch-dir',
      scratch,
      '--schema',
      'sales',
      '--before-drop',
    ])
    await until('the last foreign key waits', async () => {
      return (await lab.server.value('SELECT count(*) FROM pg_locks WHERE NOT granted')) !== '0'
    })
    running.kill('SIGINT')
    const run = await running.ended
    await holder.end()
    expect(run.status, describeRun(run)).toBe(130)
    expect(await lab.server.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'sales'")).toBe('0')
    expect(readdirSync(scratch)).toEqual([])
  })

  test('what it needs of others, and is not there, is named before anything is done', async () => {
    await lab.server.query('DROP SCHEMA IF EXISTS sales CASCADE; DROP TYPE currency CASCADE')
    expect(await refused('--schema', 'sales', '--before-drop')).toMatch(
      /postgres does not have the type public\.currency \(which the (table|default value) .*sales\.orders/,
    )
    expect(await refused('sales.orders', '--before-drop')).toContain(
      'the type sales.amount (which the table orders needs)',
    )
    expect(
      await lab.server.value("SELECT count(*) FROM pg_namespace WHERE nspname ~ '^(holdfast_|sales)'"),
    ).toBe('0')
    await lab.server.query(
      "CREATE TYPE public.currency AS ENUM ('eur', 'usd'); ALTER ROLE clerk RENAME TO clark",
    )
    expect(await refused('--schema', 'sales', '--before-drop')).toContain('the role "clerk"')
    expect(await lab.server.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'sales'")).toBe('0')
  })

  test('a database comes back with everything, under its own name when all is in it', async () => {
    expect(await refused('"odd & shop".nothing', '--before-drop', '--database', 'odd & shop')).toContain(
      'there is no database odd & shop',
    )
    const whole = ['--whole-database', '--database', 'odd & shop', '--before-drop']
    const { wholes, tables } = await bring(...whole)
    expect(wholes).toMatchObject([{ name: 'odd & shop', replaced: null }])
    expect(tables.find(({ name }) => name === 'late')).toMatchObject({ rows: 0 })
    expect(await inShop(portrait)).toEqual(shopBefore)
    expect(await refused(...whole)).toContain('there is a database "odd & shop"')
    await inShop(client => client.query('DELETE FROM nothing'))
    const again = await bring(...whole, '--replace')
    expect(again.wholes[0]?.replaced).toMatch(/^odd & shop_before_\d{8}t\d{6}$/)
    expect(await inShop(client => client.query('SELECT a FROM nothing').then(({ rows }) => rows))).toEqual([
      { a: 77 },
    ])
    expect(await lab.server.value("SELECT count(*) FROM pg_database WHERE datname ~ '^holdfast_'")).toBe('0')
    expect(readdirSync(scratch)).toEqual([])
  })
})
