/** A schema with everything that may be in one, and what to compare of it. */
import type { TestServer } from './postgres-server.ts'
import { portrait } from './rich-database.ts'

/** Everything that pg_dump gives of a schema. Functions name it in their texts, and are called while it is loaded. */
export const sales = `
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
  CREATE UNLOGGED TABLE sales.fast (i int);
  CREATE SCHEMA reports; CREATE TABLE reports.uses (n sales.amount, i int); CREATE VIEW reports.daily AS SELECT * FROM sales.totals; CREATE VIEW reports.weekly AS SELECT * FROM reports.daily;`

/** In the database `postgres`. Without what lies in other schemas, which comes and goes in tests. */
export async function portraitOfSchema(server: TestServer, schema: string): Promise<string[]> {
  const client = await server.connect()
  try {
    const all = await portrait(client)
    const own = all.filter(
      line => !line.startsWith('reports.') && (line.includes(`${schema}.`) || line.includes(`,${schema},`)),
    )
    const more = await client.query<{ line: string }>(
      `SELECT pg_get_functiondef(p.oid) AS line FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname = $1 AND prokind = 'f'
       UNION ALL SELECT format('%s %s %s', nspowner::regrole, nspacl, obj_description(oid)) FROM pg_namespace WHERE nspname = $1
       UNION ALL SELECT format('%s %s', typname, typtype) FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace WHERE nspname = $1
       UNION ALL SELECT format('%s %s', rulename, definition) FROM pg_rules WHERE schemaname = $1
       UNION ALL SELECT pg_get_viewdef(c.oid) FROM pg_class c WHERE relkind IN ('v', 'm') AND relnamespace::regnamespace::text = $1
       UNION ALL SELECT pg_get_statisticsobjdef(s.oid) FROM pg_statistic_ext s WHERE stxnamespace::regnamespace::text = $1`,
      [schema],
    )
    return [...own, ...more.rows.map(({ line }) => line)].sort()
  } finally {
    await client.end()
  }
}
