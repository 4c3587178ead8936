/** Whole schemas and whole databases that were dropped: with all that pg_dump gives of them, on a real server. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeRun } from './support/holdfast.ts'
import { makeOwned } from './support/postgres-server.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { faultOf } from './support/restored-server.ts'
import { portrait, richSchema } from './support/rich-database.ts'

interface Restored {
  readonly result: {
    readonly tables: readonly { readonly name: string; readonly rows: number }[]
    readonly wholes: readonly { readonly name: string; readonly replaced: string | null }[]
    readonly objects: Readonly<Record<string, number>>
    readonly warnings: readonly string[]
  }
}

/** Everything that pg_dump gives of a schema. Functions name it in their texts, and are called while it is loaded. */
const sales = `
  CREATE ROLE clerk; CREATE ROLE reader;
  CREATE TYPE public.currency AS ENUM ('eur', 'usd');
  CREATE TABLE public.regions (id int PRIMARY KEY); INSERT INTO public.regions VALUES (1), (2);
  CREATE SCHEMA sales AUTHORIZATION clerk; GRANT USAGE ON SCHEMA sales TO reader;
  COMMENT ON SCHEMA sales IS 'what is sold';
  CREATE EXTENSION hstore SCHEMA sales;
  CREATE DOMAIN sales.amount AS numeric CHECK (VALUE >= 0);
  CREATE TYPE sales.line AS (what text, many int);
  CREATE FUNCTION sales.inner_of(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower($1)';
  CREATE FUNCTION sales.norm(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN sales.inner_of($1); END';
  CREATE SEQUENCE sales.numbers START 1000; SELECT nextval('sales.numbers');
  CREATE TABLE sales.orders (id int PRIMARY KEY DEFAULT nextval('sales.numbers'), name text CHECK (sales.norm(name) <> ''), total sales.amount,
    first sales.line, more sales.hstore, c public.currency DEFAULT 'eur', region int REFERENCES public.regions);
  CREATE INDEX orders_norm ON sales.orders (sales.norm(name));
  INSERT INTO sales.orders (name, total, first, more, region)
    SELECT 'Order ' || i, i, ROW('thing', i)::sales.line, sales.hstore('a', i::text), i % 2 + 1 FROM generate_series(1, 500) i;
  CREATE TABLE sales.lines (order_id int REFERENCES sales.orders, what text); INSERT INTO sales.lines SELECT id, 'x' FROM sales.orders;
  CREATE VIEW sales.totals AS SELECT c, sum(total) FROM sales.orders GROUP BY c;
  CREATE MATERIALIZED VIEW sales.summed AS SELECT count(*) AS n FROM sales.lines;
  CREATE FUNCTION sales.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
  CREATE TRIGGER touching BEFORE UPDATE ON sales.orders FOR EACH ROW EXECUTE FUNCTION sales.touch();
  CREATE RULE quiet AS ON DELETE TO sales.lines DO INSTEAD NOTHING;
  ALTER TABLE sales.orders ENABLE ROW LEVEL SECURITY; CREATE POLICY few ON sales.orders FOR SELECT TO reader USING (id < 1010);
  CREATE AGGREGATE sales.longest(text) (SFUNC = textcat, STYPE = text);
  CREATE STATISTICS sales.of_orders ON c, region FROM sales.orders;
  ALTER DEFAULT PRIVILEGES IN SCHEMA sales GRANT SELECT ON TABLES TO reader;
  CREATE SCHEMA reports; CREATE VIEW reports.daily AS SELECT * FROM sales.totals; CREATE VIEW reports.weekly AS SELECT * FROM reports.daily;`

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
  /** Without the tables of others, which come and go in these tests. */
  const portraitOf = async (schema: string): Promise<string[]> => {
    const lines = await inShop(portrait, 'postgres')
    const own = lines.filter(line => line.includes(`${schema}.`) || line.includes(`,${schema},`))
    const functions = await lab.server.query<{ line: string }>(
      `SELECT pg_get_functiondef(p.oid) AS line FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname = $1 AND prokind = 'f'
       UNION ALL SELECT format('%s %s %s', nspowner::regrole, nspacl, obj_description(oid)) FROM pg_namespace WHERE nspname = $1
       UNION ALL SELECT format('%s %s', typname, typtype) FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace WHERE nspname = $1
       UNION ALL SELECT format('%s %s', rulename, definition) FROM pg_rules WHERE schemaname = $1
       UNION ALL SELECT pg_get_viewdef(c.oid) FROM pg_class c WHERE relkind IN ('v', 'm') AND relnamespace::regnamespace::text = $1
       UNION ALL SELECT pg_get_statisticsobjdef(s.oid) FROM pg_statistic_ext s WHERE stxnamespace::regnamespace::text = $1`,
      [schema],
    )
    return [...own, ...functions.map(({ line }) => line)].sort()
  }
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
      'later 1',
      'lines 500',
      'orders 501',
    ])
    expect(objects).toMatchObject({ VIEW: 2, 'MATERIALIZED VIEW': 1, FUNCTION: 3, EXTENSION: 1, DOMAIN: 1 })
    expect(await portraitOf('sales')).toEqual(salesBefore)
    expect(warnings).toEqual([expect.stringContaining('the view reports.daily, the view reports.weekly')])
    expect(readdirSync(scratch)).toEqual([])
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

  test('what it needs of others, and is not there, is named before anything is done', async () => {
    await lab.server.query('DROP SCHEMA sales CASCADE; DROP TYPE currency CASCADE')
    expect(await refused('--schema', 'sales', '--before-drop')).toMatch(
      /postgres does not have the type public\.currency \(which the (table|default value) .*sales\.orders/,
    )
    expect(await refused('sales.orders', '--before-drop')).toContain('the type sales.amount')
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
