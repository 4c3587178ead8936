/** Tables whose rows go straight from one server into the other: every type as it was, nothing left behind. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeOwned } from './support/postgres-server.ts'
import { programFolder } from './support/program-folder.ts'
import { openLab, type Lab } from './support/repository-lab.ts'

interface Restored {
  readonly result: { readonly tables: readonly { readonly name: string; readonly rows: number }[] }
}

const sumOf = (table: string): string =>
  `SELECT count(*) || ' ' || sum(('x' || substr(md5(t::text), 1, 8))::bit(32)::bigint) FROM ${table} t`

describe.each([14, 15, 18] as const)('restore-table of large tables on PostgreSQL %i', major => {
  let lab: Lab
  let scratch: string
  const sums = new Map<string, string>()

  beforeAll(async () => {
    lab = await openLab({ major, encryption: 'none', settings: { autovacuum: false } })
    const programs = programFolder(lab.server.root, major)
    lab.writeConfig('holdfast.yaml', {
      postgres: { connection: lab.server.connectionString, bin_directory: programs },
    })
    scratch = join(lab.server.root, 'scratch')
    makeOwned(scratch)
    for (const sql of [
      `CREATE TYPE mood AS ENUM ('glad', 'sad')`,
      'CREATE TYPE pair AS (a int, b text)',
      'CREATE DOMAIN small AS int CHECK (VALUE < 1000000)',
      `CREATE TABLE plain (
         id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "Odd ""name"", too" text NOT NULL, doc jsonb, at timestamptz,
         amount numeric(30, 10), raw bytea, words text[], twice bigint GENERATED ALWAYS AS (length("Odd ""name"", too") * 2) STORED,
         gone int, uid uuid, span interval, day date, ratio float8, yes boolean)`,
      'ALTER TABLE plain DROP gone',
      `INSERT INTO plain ("Odd ""name"", too", doc, at, amount, raw, words, uid, span, day, ratio, yes)
         SELECT 'größe ' || repeat(md5(i::text), 12), jsonb_build_object('i', i, 'x', null), '2026-01-01'::timestamptz + i * interval '1 s', i / 7.0,
                decode(md5(i::text), 'hex'), ARRAY['a\\b', NULL, E'tab\\tline\\nend', i::text], md5(i::text)::uuid, i * interval '1 month 2 days 3.5 s',
                CASE WHEN i % 100 = 0 THEN 'infinity'::date ELSE '2026-01-01'::date - i END,
                CASE WHEN i % 50 = 0 THEN 'NaN'::float8 ELSE 1.0 / i END, i % 2 = 0 FROM generate_series(1, 20000) i`,
      'CREATE INDEX ON plain (at)',
      `CREATE TABLE own (id small, feels mood, both_ pair, feelings mood[], class regclass, role regrole, note text)`,
      `INSERT INTO own SELECT i, 'sad', ROW(i, 'b,"' || i)::pair, ARRAY['glad', NULL]::mood[], 'pg_class', current_user::regrole, repeat('ü', 200)
         FROM generate_series(1, 30000) i`,
      'CREATE TABLE tree (id int, filler text) PARTITION BY RANGE (id)',
      'CREATE TABLE tree_one PARTITION OF tree FOR VALUES FROM (0) TO (20000)',
      'CREATE TABLE tree_rest PARTITION OF tree DEFAULT',
      `INSERT INTO tree SELECT i, repeat('f', 500) FROM generate_series(1, 20010) i`,
    ])
      await lab.server.query(sql)
    await lab.backup()
    for (const sql of [
      'DELETE FROM plain WHERE id % 11 = 0',
      `UPDATE own SET note = 'changed' WHERE id % 13 = 0`,
      'DELETE FROM tree WHERE id % 17 = 0',
    ])
      await lab.server.query(sql)
    for (const table of ['plain', 'own', 'tree']) sums.set(table, await lab.server.value(sumOf(table)))
    await lab.server.query('DROP TABLE plain, own, tree')
    await lab.archiveAll()
  })

  afterAll(() => lab[Symbol.asyncDispose]())

  test('they come back with every value as it was, those of types of their own and those of partitions too', async () => {
    // What a restore that was killed left behind, and a schema that is only called like that.
    for (const sql of [
      'CREATE SCHEMA holdfast_0123456789ab; CREATE TABLE holdfast_0123456789ab.half (id int)',
      `COMMENT ON SCHEMA holdfast_0123456789ab IS 'holdfast restore-table works here, and removes this at its end'`,
      'CREATE SCHEMA holdfast_ffffffffffff',
      // What the role is held to in its usual sessions.
      `ALTER ROLE postgres SET default_transaction_read_only = on; ALTER ROLE postgres SET statement_timeout = '100ms'`,
    ])
      await lab.server.query(sql)
    const { result } = await lab.json<Restored>([
      ...[
        'restore-table',
        '--scratch-dir',
        scratch,
        'public.plain',
        'public.own',
        'public.tree',
        '--before-drop',
      ],
    ])
    await lab.server.query('BEGIN READ WRITE; ALTER ROLE postgres RESET ALL; COMMIT')
    expect(result.tables.map(({ name, rows }) => `${name} ${String(rows)}`).toSorted()).toEqual([
      'own 30000',
      'plain 18182',
      'tree 0',
      'tree_one 18823',
      'tree_rest 10',
    ])
    for (const [table, sum] of sums) expect(await lab.server.value(sumOf(`restored.${table}`))).toBe(sum)
    // Frozen as it came: nobody has to write it once more.
    expect(
      await lab.server.value(
        "SELECT bool_and(relpages = relallvisible) FROM pg_class WHERE oid = 'restored.plain'::regclass",
        [],
      ),
    ).toBe('true')
    await lab.server.query(`INSERT INTO restored.plain ("Odd ""name"", too") VALUES ('next')`)
    expect(await lab.server.value('SELECT max(id) FROM restored.plain')).toBe('20001')
    expect(
      await lab.server.value(
        "SELECT string_agg(nspname, ' ') FROM pg_namespace WHERE nspname ~ '^holdfast_'",
      ),
    ).toBe('holdfast_ffffffffffff')
  })

  test('rows that the live server refuses are told with its own words, and nothing stays', async () => {
    await lab.server.query('ALTER DOMAIN small DROP CONSTRAINT small_check')
    await lab.server.query('ALTER DOMAIN small ADD CHECK (VALUE < 20000) NOT VALID')
    const run = await lab.run([
      'restore-table',
      '--scratch-dir',
      scratch,
      'public.own',
      '--before-drop',
      '--as',
      'own_again',
    ])
    expect(run.status).not.toBe(0)
    expect(run.err).toMatch(
      /the rows of \S+own could not be copied: .*value for domain (public\.)?small violates check constraint/,
    )
    expect(
      await lab.server.value(
        "SELECT count(*) FROM pg_namespace WHERE nspname ~ '^holdfast_' AND nspname <> 'holdfast_ffffffffffff'",
      ),
    ).toBe('0')
    expect(await lab.server.value("SELECT to_regclass('public.own_again') IS NULL")).toBe('true')
  })
})
