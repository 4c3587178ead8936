/** One table out of a cluster, on a real server: what comes back, what is fetched for it, and what is left alone. */
import { spawnSync } from 'node:child_process'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeRun } from './support/holdfast.ts'
import { makeOwned } from './support/postgres-server.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { faultOf } from './support/restored-server.ts'
import { until } from './support/until.ts'

interface Restored {
  readonly plan: { readonly neededBytes: number; readonly allBytes: number }
  readonly result: {
    readonly tables: readonly {
      readonly schema: string
      readonly name: string
      readonly rows: number
      readonly replaced: string | null
    }[]
    readonly bytes: number
    readonly attempts: number
  }
}

describe('restore-table', () => {
  let lab: Lab
  let scratch: string
  let sum: string

  beforeAll(async () => {
    lab = await openLab({ major: 15, build: 'debian', walSegmentSizeMb: 4, settings: { autovacuum: false } })
    scratch = join(lab.server.root, 'scratch')
    makeOwned(scratch)
    for (const sql of [
      'CREATE ROLE reader',
      'CREATE TABLE cities (id int PRIMARY KEY)',
      'INSERT INTO cities SELECT generate_series(1, 10)',
      `CREATE TABLE users (id serial PRIMARY KEY, name text NOT NULL CHECK (name <> ''), city int REFERENCES cities, notes text)`,
      'ALTER TABLE users ALTER notes SET STORAGE EXTERNAL',
      `INSERT INTO users (name, city, notes) SELECT 'n' || i, i % 10 + 1, repeat(md5(i::text), 200) FROM generate_series(1, 400) i`,
      'CREATE INDEX users_by_name ON users (name)',
      "COMMENT ON TABLE users IS 'who they are'",
      'GRANT SELECT ON users TO reader',
      `CREATE TABLE large AS SELECT i AS id, repeat('x', 400) AS filler FROM generate_series(1, 10000) i`,
      'CREATE INDEX ON large (id)',
      'CREATE TABLE early (id int); INSERT INTO early VALUES (1), (2)',
      'CREATE TABLE parted (id int) PARTITION BY RANGE (id)',
      'CREATE TABLE parted_one PARTITION OF parted FOR VALUES FROM (0) TO (100)',
      'INSERT INTO parted SELECT generate_series(1, 50)',
    ])
      await lab.server.query(sql)
    await lab.backup()
    // After the backup: the table and its large neighbour change, one is rewritten, one is renamed, one is new.
    for (const sql of [
      `UPDATE users SET notes = repeat('z', 5000) WHERE id <= 50`,
      'DELETE FROM users WHERE id > 390',
      `UPDATE large SET filler = 'changed' WHERE id % 3 = 0`,
      'CHECKPOINT',
      `INSERT INTO large SELECT i, 'more' FROM generate_series(1, 20000) i`,
      'VACUUM FULL large',
      'ALTER TABLE early RENAME TO late',
      'INSERT INTO late VALUES (3)',
      'CREATE TABLE fresh AS SELECT generate_series(1, 77) AS id',
      'CREATE DATABASE another',
    ])
      await lab.server.query(sql)
    sum = await lab.server.value('SELECT md5(string_agg(u::text, $1 ORDER BY id)) FROM users u', ['|'])
    await lab.server.query('DROP TABLE users')
    await lab.server.query('DROP TABLE fresh')
    await lab.archiveAll()
  })

  afterAll(() => lab[Symbol.asyncDispose]())

  const bring = (...words: readonly string[]): Promise<Restored> =>
    lab.json<Restored>(['restore-table', '--scratch-dir', scratch, ...words])

  test('brings a dropped table back as it was just before, with all that belongs to it', async () => {
    const { plan, result } = await bring('public.users', '--before-drop')
    expect(result.tables).toMatchObject([{ schema: 'restored', name: 'users', rows: 390 }])
    expect(result.attempts).toBe(1)
    expect(plan.neededBytes).toBeLessThan(plan.allBytes / 2)
    expect(result.bytes).toBe(plan.neededBytes)
    const value = (sql: string): Promise<string> => lab.server.value(sql)
    expect(
      await lab.server.value('SELECT md5(string_agg(u::text, $1 ORDER BY id)) FROM restored.users u', ['|']),
    ).toBe(sum)
    expect(await value("SELECT obj_description('restored.users'::regclass)")).toBe('who they are')
    expect(await value("SELECT has_table_privilege('reader', 'restored.users', 'SELECT')")).toBe('true')
    expect(
      await value(
        "SELECT string_agg(conname || ':' || contype::text, ' ' ORDER BY conname) FROM pg_constraint WHERE conrelid = 'restored.users'::regclass",
      ),
    ).toBe('users_city_fkey:f users_name_check:c users_pkey:p')
    expect(
      await value(
        "SELECT count(*) FROM pg_indexes WHERE schemaname = 'restored' AND indexname = 'users_by_name'",
      ),
    ).toBe('1')
    await lab.server.query("INSERT INTO restored.users (name, city) VALUES ('next', 1)")
    expect(await value('SELECT max(id) FROM restored.users')).toBe('401')
    expect(readdirSync(scratch)).toEqual([])
  })

  test('puts it back to where it was, and keeps what it replaces', async () => {
    await lab.server.query('CREATE TABLE users (id int)')
    const { result } = await bring('public.users', '--before-drop', '--replace')
    expect(result.tables).toMatchObject([{ schema: 'public', name: 'users', rows: 390 }])
    expect(result.tables[0]?.replaced).toMatch(/^replaced_\d{8}t\d{6}\.users$/)
    expect(
      await lab.server.value('SELECT md5(string_agg(u::text, $1 ORDER BY id)) FROM users u', ['|']),
    ).toBe(sum)
    expect(await lab.server.value("SELECT count(*) FROM pg_namespace WHERE nspname ~ '^holdfast_'")).toBe('0')
  })

  test('finds files under the name of the target: what was renamed, made later, and parted', async () => {
    const { result } = await bring('late', 'fresh', 'parted', '--before-drop', '--into', 'several')
    expect(result.tables.map(({ name, rows }) => `${name} ${String(rows)}`)).toEqual([
      'fresh 77',
      'late 3',
      'parted 0',
      'parted_one 50',
    ])
    expect(result.attempts).toBe(2)
    expect(await lab.server.value('SELECT count(*) FROM several.parted')).toBe('50')
  })

  test('puts one beside the original, whose indexes keep their names', async () => {
    const { result } = await bring('public.cities', '--latest', '--as', 'cities_then')
    expect(result.tables).toMatchObject([{ schema: 'public', name: 'cities_then', rows: 10 }])
    expect(
      await lab.server.value(
        "SELECT string_agg(indexname, ' ' ORDER BY indexname) FROM pg_indexes WHERE tablename ~ '^cities'",
      ),
    ).toBe('cities_pkey cities_then_pkey')
  })

  test('touches nothing when the name is taken, views lean on the table, or it was never there', async () => {
    const refused = async (...words: readonly string[]): Promise<string> => {
      const run = await lab.run(['restore-table', '--json', '--scratch-dir', scratch, ...words])
      expect(run.status, describeRun(run)).not.toBe(0)
      return faultOf(run).message
    }
    expect(await refused('public.large', '--latest', '--as', 'cities')).toContain('cities is there already')
    await lab.server.query('CREATE VIEW towns AS SELECT * FROM cities')
    expect(await refused('public.cities', '--latest', '--replace')).toContain('the view public.towns')
    expect(await refused('public.nowhere', '--latest')).toContain('there is no table public.nowhere')
    expect(await refused('public.cities', '--before-drop')).toContain('no drop of public.cities')
    expect(await refused('public.cities')).toContain('needs a target')
    expect(readdirSync(scratch)).toEqual([])
  })

  test('replaces a table only when nothing of others would go on with the old one, and says what would', async () => {
    await lab.server.query(`CREATE TABLE visits (city int REFERENCES cities);
      CREATE FUNCTION first_of(cities) RETURNS int LANGUAGE sql AS 'SELECT $1.id';
      CREATE POLICY visible ON visits USING (EXISTS (SELECT FROM cities));
      CREATE PUBLICATION told FOR TABLE cities`)
    const before = await lab.server.value("SELECT 'cities'::regclass::oid")
    const run = await lab.run(['restore-table', 'public.cities', '--latest', '--replace', '--json'])
    const { message } = faultOf(run)
    for (const what of [
      'the constraint users_city_fkey on public.users',
      'the constraint visits_city_fkey on public.visits',
      'the function public.first_of(public.cities)',
      'the policy visible on public.visits',
      'the publication relation public.cities in publication told',
      'the view public.towns',
    ])
      expect(message).toContain(what)
    expect(run.err).not.toContain('restoring files')
    await lab.server.query(
      'DROP SCHEMA restored CASCADE; DROP TABLE visits; DROP FUNCTION first_of; DROP PUBLICATION told; DROP VIEW towns',
    )
    // What leans on it is replaced, too.
    const { result } = await bring('public.cities', 'public.users', '--before-drop', '--replace')
    expect(result.tables.map(({ name, rows }) => `${name} ${String(rows)}`)).toEqual([
      'cities 10',
      'users 390',
    ])
    expect(
      await lab.server.value(
        "SELECT string_agg(conrelid::regclass || ' ' || confrelid::regclass, ', ' ORDER BY 1) FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace",
      ),
    ).toBe('users cities')
    expect(await lab.server.value("SELECT 'cities'::regclass::oid")).not.toBe(before)
  })

  test('wal get --withhold gives segments that pg_waldump reads, without what is not there', async () => {
    await lab.server.query('SELECT pg_switch_wal()')
    await lab.server.query(`INSERT INTO large SELECT i, 'more' FROM generate_series(1, 2000) i`)
    const segment = await lab.server.value('SELECT pg_walfile_name(pg_current_wal_lsn())')
    await lab.archiveAll()
    const [filter, folder] = [join(scratch, 'filter'), join(lab.server.root, 'fetched')]
    makeOwned(folder)
    lab.write(filter, '1\n')
    await lab.ok(['wal', 'get', segment, join(folder, segment), '--withhold', filter])
    rmSync(filter)
    const { stdout, stderr } = spawnSync(
      join(lab.server.binDirectory, 'pg_waldump'),
      [join(folder, segment)],
      {
        encoding: 'utf8',
        maxBuffer: 1 << 28,
      },
    )
    const lines = stdout.split('\n')
    expect(lines.length, stderr).toBeGreaterThan(100)
    expect(stderr).not.toMatch(/incorrect|checksum|invalid (record|magic)/)
    expect(lines.filter(line => line.includes('NOOP')).length).toBeGreaterThan(100)
    // One may go on from the segment before, one into the next.
    expect(lines.filter(line => /rmgr: (Heap|Btree) /.test(line)).length).toBeLessThanOrEqual(2)
  })

  test('removes the scratch cluster when it is interrupted', async () => {
    const running = lab.start([
      'restore-table',
      'public.large',
      '--latest',
      '--into',
      'late',
      '--scratch-dir',
      scratch,
    ])
    await until('the scratch server runs', () =>
      readdirSync(scratch).some(name => readdirSync(join(scratch, name)).includes('run')),
    )
    running.kill('SIGINT')
    const run = await running.ended
    expect(run.status, describeRun(run)).toBe(130)
    expect(readdirSync(scratch)).toEqual([])
    expect(
      await lab.server.value("SELECT count(*) FROM pg_namespace WHERE nspname ~ '^(holdfast_|late)'"),
    ).toBe('0')
  })
})
