/** A database with all that a dump has to bring back, and what to compare of it. */
import type { Client } from 'pg'

/** Statements that make it; `major` is the server's. Roles `rich_owner` and `rich reader` have to be there. */
export function richSchema(major: number, smallTables: number): string {
  return `
  CREATE SCHEMA "odd schema.";
  COMMENT ON SCHEMA "odd schema." IS 'a schema''s comment';
  CREATE TYPE mood AS ENUM ('sad', 'it''s ok');
  CREATE DOMAIN positive AS int CHECK (VALUE > 0);
  CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
  CREATE TABLE plain (id int PRIMARY KEY, t text, m mood DEFAULT 'sad', p positive);
  INSERT INTO plain SELECT i, 'row ' || i || E'\\t\\\\ \\\\. \\n\\\\.\\n', 'it''s ok', i FROM generate_series(1, 5000) i;
  CREATE INDEX plain_twice ON plain (twice(id)) WHERE id > 5;
  CREATE STATISTICS plain_stats ON id, p FROM plain;
  CREATE TABLE "odd schema."."odd ""name"", ünï\nnl. 'q'" (a text, b bytea, "c d" float8[]);
  INSERT INTO "odd schema."."odd ""name"", ünï\nnl. 'q'" VALUES
    (E'\\\\.', '', '{}'), ('', '\\x00ff0a5c', '{NaN,1e300}'), (NULL, NULL, NULL), (E'\\\\N', '\\x5c2e0a', NULL);
  CREATE TABLE wide (id int, t text); ALTER TABLE wide ALTER t SET STORAGE EXTERNAL;
  INSERT INTO wide VALUES (1, repeat(E'x\\\\\\n', 10000000)), (2, '');
  CREATE TABLE "no columns" (); INSERT INTO "no columns" SELECT FROM generate_series(1, 7);
  CREATE TABLE nothing (a int);
  CREATE TABLE made (id bigint GENERATED ALWAYS AS IDENTITY (START 100), n int, double int GENERATED ALWAYS AS (n * 2) STORED);
  INSERT INTO made (n) SELECT generate_series(1, 10);
  CREATE TABLE counted (id serial PRIMARY KEY, x int); INSERT INTO counted (x) SELECT generate_series(1, 20);
  CREATE TABLE parent (a int); CREATE TABLE child (b int) INHERITS (parent);
  INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2, 3), (4, 5);
  CREATE TABLE parts (a int, b text, PRIMARY KEY (a, b)) PARTITION BY LIST (a);
  CREATE TABLE part_1 PARTITION OF parts FOR VALUES IN (1);
  CREATE TABLE part_2 PARTITION OF parts FOR VALUES IN (2) PARTITION BY RANGE (b);
  CREATE TABLE part_2_a PARTITION OF part_2 FOR VALUES FROM ('a') TO ('n');
  CREATE TABLE part_rest PARTITION OF parts DEFAULT;
  INSERT INTO parts VALUES (1, 'a'), (2, 'b'), (2, 'c'), (9, 'z');
  CREATE TABLE ring_a (id int PRIMARY KEY, b int); CREATE TABLE ring_b (id int PRIMARY KEY, a int REFERENCES ring_a DEFERRABLE);
  ALTER TABLE ring_a ADD FOREIGN KEY (b) REFERENCES ring_b DEFERRABLE;
  BEGIN; SET CONSTRAINTS ALL DEFERRED; INSERT INTO ring_a VALUES (1, 1), (2, 2); INSERT INTO ring_b VALUES (1, 2), (2, 1); COMMIT;
  CREATE TABLE tree (id int PRIMARY KEY, up int REFERENCES tree); INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 2);
  CREATE SEQUENCE numbers INCREMENT 7; SELECT nextval('numbers'), nextval('numbers');
  CREATE VIEW seen AS SELECT id, twice(id) AS t FROM plain WHERE id < 100;
  CREATE MATERIALIZED VIEW summed AS SELECT count(*) AS n, sum(t) AS s FROM seen; CREATE UNIQUE INDEX ON summed (n);
  CREATE MATERIALIZED VIEW unfilled AS SELECT 1 AS one WITH NO DATA;
  CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.x := NEW.x + 1000; RETURN NEW; END $$;
  CREATE TRIGGER shouting BEFORE INSERT ON counted FOR EACH ROW EXECUTE FUNCTION shout();
  CREATE RULE no_delete AS ON DELETE TO tree DO INSTEAD NOTHING;
  ALTER TABLE counted ENABLE ROW LEVEL SECURITY; ALTER TABLE counted FORCE ROW LEVEL SECURITY;
  CREATE POLICY few ON counted FOR SELECT TO "rich reader" USING (x < 5);
  COMMENT ON TABLE plain IS 'a table''s "comment"'; COMMENT ON COLUMN plain.t IS E'two\\nlines';
  GRANT SELECT ON plain TO "rich reader" WITH GRANT OPTION; GRANT UPDATE (t) ON plain TO PUBLIC;
  ALTER DEFAULT PRIVILEGES FOR ROLE rich_owner GRANT SELECT ON TABLES TO "rich reader";
  ALTER TABLE plain OWNER TO rich_owner;
  SELECT lo_create(5000), lo_from_bytea(6000, decode(repeat('abcd', 50000), 'hex')), lo_from_bytea(4000000000, 'hi');
  GRANT SELECT ON LARGE OBJECT 6000 TO "rich reader"; COMMENT ON LARGE OBJECT 5000 IS 'empty';
  ALTER LARGE OBJECT 4000000000 OWNER TO rich_owner;
  CREATE FUNCTION noticed() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
    IF EXISTS (SELECT FROM pg_class WHERE relname = 'forbidden') THEN RAISE EXCEPTION 'noticed'; END IF; END $$;
  CREATE EVENT TRIGGER watching ON ddl_command_end EXECUTE FUNCTION noticed();
  CREATE EXTENSION hstore SCHEMA "odd schema.";
  CREATE TABLE with_hstore AS SELECT "odd schema.".hstore('a', i::text) AS h FROM generate_series(1, 3) i;
  CREATE PUBLICATION told FOR TABLE plain;
  ${major >= 15 ? 'CREATE VIEW safe WITH (security_invoker) AS SELECT 1 AS one; CREATE UNIQUE INDEX ON wide (id) NULLS NOT DISTINCT;' : ''}
  ${major >= 18 ? 'CREATE TABLE virtual_too (n int, m int GENERATED ALWAYS AS (n + 1)); INSERT INTO virtual_too VALUES (1), (2);' : ''}
  DO $$ BEGIN FOR i IN 1..${String(smallTables)} LOOP
    EXECUTE format('CREATE TABLE small_%s AS SELECT generate_series(1, %s) AS n', i, i % 13);
  END LOOP; END $$;`
}

/** Everything that is comparable of a database, as lines: definitions, and a sum of each table's rows. */
export async function portrait(client: Client): Promise<string[]> {
  const lines = async (sql: string): Promise<string[]> =>
    (await client.query<{ line: string }>(sql)).rows.map(({ line }) => line).sort()
  const tables = await lines(`
    SELECT format('%I.%I', n.nspname, c.relname) AS line FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
     WHERE relkind IN ('r', 'm') AND relispopulated AND nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'`)
  const sums: string[] = []
  for (const table of tables) {
    const [sum] = await lines(
      `SELECT count(*) || ' ' || coalesce(md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))), '') AS line FROM ONLY ${table} t`,
    )
    sums.push(`${table} ${sum ?? ''}`)
  }
  const user = `nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'`
  return [
    ...sums,
    ...(await lines(`
      SELECT format('%s %I.%I %s %s %s', relkind, nspname, relname, pg_get_userbyid(relowner), (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(relacl) a), obj_description(c.oid)) AS line
        FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE ${user}`)),
    ...(await lines(`
      SELECT format('%s.%I %s %s %s %s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull, attidentity,
             attgenerated, pg_get_expr(adbin, adrelid)) AS line
        FROM pg_attribute LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum) JOIN pg_class c ON c.oid = attrelid
        JOIN pg_namespace n ON n.oid = relnamespace WHERE attnum > 0 AND NOT attisdropped AND ${user}`)),
    ...(await lines(
      `SELECT format('%s %s', conname, pg_get_constraintdef(c.oid)) AS line FROM pg_constraint c JOIN pg_namespace n ON n.oid = connamespace WHERE ${user}`,
    )),
    ...(await lines(
      `SELECT format('%s %s', indexrelid::regclass, pg_get_indexdef(indexrelid)) AS line FROM pg_index JOIN pg_class c ON c.oid = indrelid JOIN pg_namespace n ON n.oid = relnamespace WHERE ${user}`,
    )),
    ...(await lines('SELECT pg_get_triggerdef(oid) AS line FROM pg_trigger WHERE NOT tgisinternal')),
    ...(await lines(
      `SELECT format('%s', (schemaname, tablename, policyname, roles, cmd, qual)) AS line FROM pg_policies`,
    )),
    ...(await lines(
      `SELECT format('%s', (schemaname, sequencename, sequenceowner, increment_by, last_value)) AS line FROM pg_sequences`,
    )),
    ...(await lines(
      `SELECT format('%s %s %s %s', m.oid, pg_get_userbyid(lomowner), lomacl, md5(lo_get(m.oid))) AS line FROM pg_largeobject_metadata m`,
    )),
    ...(await lines(
      `SELECT format('%s', (evtname, evtevent, evtfoid::regproc)) AS line FROM pg_event_trigger`,
    )),
    ...(await lines(`SELECT format('%s %s', extname, extnamespace::regnamespace) AS line FROM pg_extension`)),
    ...(await lines(
      `SELECT format('%s', (pubname, schemaname, tablename)) AS line FROM pg_publication_tables`,
    )),
    ...(await lines(`SELECT format('%s %s', defaclrole::regrole, defaclacl) AS line FROM pg_default_acl`)),
    ...(await lines(
      `SELECT format('%s %s %s', inhrelid::regclass, inhparent::regclass, inhseqno) AS line FROM pg_inherits`,
    )),
    ...(await lines(
      `SELECT format('%s %s %s %s %s %s %s', pg_get_userbyid(datdba), encoding, datcollate, datctype, datconnlimit, (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(datacl) a), shobj_description(d.oid, 'pg_database')) AS line FROM pg_database d WHERE datname = current_database()`,
    )),
    ...(await lines(
      `SELECT format('%s %s', setrole, setconfig) AS line FROM pg_db_role_setting WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    )),
  ]
}
