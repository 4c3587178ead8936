/**
 * Tables brought back on every version of PostgreSQL beside the one of restore-table.test.ts: with all that may belong to a
 * table, and to each of the places where it can go.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeOwned } from './support/postgres-server.ts'
import { programFolder } from './support/program-folder.ts'
import { openLab, type Lab } from './support/repository-lab.ts'

interface Restored {
  readonly result: {
    readonly tables: readonly {
      readonly name: string
      readonly rows: number
      readonly replaced: string | null
    }[]
    readonly warnings: readonly string[]
  }
}

/** What is to come back of it, from the catalogues, in whatever schema it is. */
const portraitSql = `
  SELECT json_build_object(
    'columns', (SELECT json_agg(json_build_array(attname, format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated,
                  attstorage, attacl::text, col_description(attrelid, attnum)) ORDER BY attnum)
                  FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped),
    'constraints', (SELECT json_agg(json_build_array(conname, regexp_replace(pg_get_constraintdef(oid), '\\m(public|restored)\\.', '', 'g')) ORDER BY conname)
                  FROM pg_constraint WHERE conrelid = c.oid AND contype <> 'n'),
    'indexes', (SELECT json_agg(regexp_replace(pg_get_indexdef(indexrelid), '\\m(public|restored)\\.', '', 'g') ORDER BY indexrelid::regclass::text)
                  FROM pg_index WHERE indrelid = c.oid),
    'triggers', (SELECT json_agg(tgname ORDER BY tgname) FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal),
    'policies', (SELECT json_agg(polname ORDER BY polname) FROM pg_policy WHERE polrelid = c.oid),
    'statistics', (SELECT json_agg(regexp_replace(pg_get_statisticsobjdef(oid), '\\m(public|restored)\\.', '', 'g') ORDER BY stxname) FROM pg_statistic_ext WHERE stxrelid = c.oid),
    'comment', obj_description(c.oid), 'privileges', relacl::text, 'owner', relowner::regrole, 'rls', relrowsecurity, 'options', reloptions,
    'partition', pg_get_expr(relpartbound, c.oid))::text
    FROM pg_class c WHERE c.oid = $1::regclass`

const schema = `
  CREATE ROLE keeper; CREATE ROLE reader;
  CREATE TYPE mood AS ENUM ('calm', 'cross');
  CREATE DOMAIN positive AS int CHECK (VALUE > 0);
  CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
  CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
  CREATE TABLE cities (id int PRIMARY KEY); INSERT INTO cities SELECT generate_series(1, 10);
  CREATE TABLE people (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n serial, name text COLLATE "C" NOT NULL CHECK (name <> ''), m mood DEFAULT 'calm',
    p positive DEFAULT 1, double int GENERATED ALWAYS AS (twice(n)) STORED, city int REFERENCES cities ON DELETE CASCADE,
    boss bigint REFERENCES people DEFERRABLE, during int4range, notes text,
    UNIQUE (name), EXCLUDE USING gist (during WITH &&)) WITH (fillfactor = 70);
  ALTER TABLE people ALTER notes SET STORAGE EXTERNAL;
  INSERT INTO people (name, city, during, notes)
    SELECT 'n' || i, i % 10 + 1, int4range(i, i + 1), repeat(md5(i::text), 200) FROM generate_series(1, 300) i;
  UPDATE people SET boss = id - 1 WHERE id > 1;
  CREATE INDEX people_upper ON people (upper(name)) INCLUDE (m) WHERE n > 5;
  CREATE STATISTICS people_stats ON n, city FROM people;
  CREATE TRIGGER touching BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION touch();
  ALTER TABLE people ENABLE ROW LEVEL SECURITY; CREATE POLICY few ON people FOR SELECT TO reader USING (n < 5);
  COMMENT ON TABLE people IS 'who they''re'; COMMENT ON COLUMN people.name IS 'given';
  ALTER TABLE people OWNER TO keeper; GRANT SELECT ON people TO reader; GRANT UPDATE (notes) ON people TO reader;
  CREATE TABLE readings (at int NOT NULL, what text, PRIMARY KEY (at)) PARTITION BY RANGE (at);
  CREATE TABLE readings_low PARTITION OF readings FOR VALUES FROM (0) TO (100);
  CREATE TABLE readings_high PARTITION OF readings FOR VALUES FROM (100) TO (200) PARTITION BY RANGE (at);
  CREATE TABLE readings_top PARTITION OF readings_high FOR VALUES FROM (100) TO (200);
  CREATE INDEX readings_what ON readings (what); COMMENT ON TABLE readings_top IS 'the last ones';
  INSERT INTO readings SELECT i, 'w' || i % 7 FROM generate_series(0, 199) i;`

const tables = ['people', 'readings', 'readings_low', 'readings_high', 'readings_top']

describe.each([14, 16, 17, 18] as const)('restore-table on PostgreSQL %i', major => {
  let lab: Lab
  let scratch: string
  const before = new Map<string, string>()

  beforeAll(async () => {
    lab = await openLab({ major, encryption: 'none', walSegmentSizeMb: 4, settings: { autovacuum: false } })
    const connection = lab.server.connectionString
    const programs = programFolder(lab.server.root, major)
    lab.writeConfig('holdfast.yaml', { postgres: { connection, bin_directory: programs } })
    scratch = join(lab.server.root, 'scratch')
    makeOwned(scratch)
    await lab.server.query(schema)
    if (major >= 18)
      await lab.server.query('ALTER TABLE people ADD seen int GENERATED ALWAYS AS (n + 1) VIRTUAL')
    await lab.backup()
    await lab.server.query(`UPDATE people SET notes = repeat('z', 9000) WHERE id <= 50;
      DELETE FROM people WHERE id > 290; INSERT INTO readings_low VALUES (-0, 'late') ON CONFLICT DO NOTHING;
      CHECKPOINT; UPDATE readings SET what = 'changed' WHERE at % 50 = 0`)
    for (const table of tables) before.set(table, await portrait(`public.${table}`))
    await lab.server.query('DROP TABLE people, readings')
    await lab.archiveAll()
  })

  afterAll(() => lab[Symbol.asyncDispose]())

  const portrait = async (table: string): Promise<string> => {
    const sum = await lab.server.value(
      `SELECT count(*) || ' ' || md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))) FROM ${table} t`,
    )
    return `${await lab.server.value(portraitSql, [table])} ${sum}`
  }
  const bring = async (...words: readonly string[]): Promise<Restored['result']> => {
    const all = ['restore-table', '--scratch-dir', scratch, ...words]
    return (await lab.json<Restored>(all)).result
  }

  test('brings back what was dropped, as it was, into a schema of its own', async () => {
    const { tables: placed, warnings } = await bring('public.people', 'public.readings', '--before-drop')
    expect(warnings).toEqual([])
    expect(placed.map(({ name, rows }) => `${name} ${String(rows)}`)).toEqual([
      'people 290',
      'readings 0',
      'readings_high 0',
      'readings_low 100',
      'readings_top 100',
    ])
    for (const table of tables) expect(await portrait(`restored.${table}`)).toBe(before.get(table))
    await lab.server.query("INSERT INTO restored.people (name, city) VALUES ('next', 1)")
    expect(await lab.server.value('SELECT max(id) || $1 || max(n) FROM restored.people', ['/'])).toBe(
      '301/301',
    )
    expect(readdirSync(scratch)).toEqual([])
  })

  test('puts a table and its partitions back in place of what is there now, which is kept', async () => {
    await lab.server.query(`DROP SCHEMA restored CASCADE; CREATE TABLE people (id int);
      CREATE TABLE readings (at int) PARTITION BY RANGE (at);
      CREATE TABLE readings_low PARTITION OF readings FOR VALUES FROM (0) TO (9); INSERT INTO readings VALUES (7)`)
    const { tables: placed } = await bring('public.people', 'public.readings', '--before-drop', '--replace')
    for (const table of tables) expect(await portrait(`public.${table}`)).toBe(before.get(table))
    const old = placed.find(({ name }) => name === 'readings_low')?.replaced ?? ''
    expect(old).toMatch(/^replaced_\d{8}t\d{6}\.readings_low$/)
    expect(await lab.server.value(`SELECT at FROM ${old}`)).toBe('7')
  })

  test('brings a partition alone, beside the original, and says how to attach it', async () => {
    const { tables: placed, warnings } = await bring(
      'public.readings_low',
      '--before-drop',
      '--as',
      'low_then',
    )
    expect(placed).toMatchObject([{ name: 'low_then', rows: 100 }])
    expect(warnings).toEqual([expect.stringContaining('FOR VALUES FROM (0) TO (100)')])
    expect(await lab.server.value("SELECT relispartition FROM pg_class WHERE relname = 'low_then'")).toBe(
      'false',
    )
    expect(await lab.server.value('SELECT count(*) FROM low_then')).toBe('100')
  })
})
