/** Tables that get back among others: the same names in several schemas, long names, and tables that are in use meanwhile. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeRun } from './support/holdfast.ts'
import { makeOwned } from './support/postgres-server.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { faultOf } from './support/restored-server.ts'
import { until } from './support/until.ts'

interface Restored {
  readonly result: {
    readonly tables: readonly {
      readonly schema: string
      readonly name: string
      readonly rows: number
      readonly replaced: string | null
    }[]
  }
}

const longName = 'l'.repeat(63)

describe('restore-table, among other tables', () => {
  let lab: Lab
  let scratch: string

  beforeAll(async () => {
    lab = await openLab({ major: 15, build: 'debian', walSegmentSizeMb: 4, settings: { autovacuum: false } })
    scratch = join(lab.server.root, 'scratch')
    makeOwned(scratch)
    for (const sql of [
      'CREATE SCHEMA a; CREATE SCHEMA b; CREATE SCHEMA statistics',
      'CREATE TABLE a.same (id int); CREATE INDEX same_index ON a.same (id); INSERT INTO a.same VALUES (1)',
      'CREATE TABLE b.same (id int); CREATE INDEX same_index ON b.same (id); INSERT INTO b.same VALUES (1), (2)',
      'CREATE TABLE b.other (id int); CREATE UNIQUE INDEX other_index ON b.other (id)',
      'CREATE TABLE a.another (id int); CREATE INDEX other_index ON a.another (id)',
      'CREATE TABLE log (at int) PARTITION BY RANGE (at)',
      'CREATE TABLE a.part PARTITION OF log FOR VALUES FROM (0) TO (10)',
      'CREATE TABLE b.part PARTITION OF log FOR VALUES FROM (10) TO (20)',
      'INSERT INTO log VALUES (5), (15)',
      'CREATE STATISTICS statistics.of_same ON id, (id + 1) FROM a.same',
      `CREATE TABLE ${longName} (id serial PRIMARY KEY, n int UNIQUE)`,
      'CREATE TABLE "Odd.One" (id int); CREATE VIEW looking AS SELECT id FROM "Odd.One"',
    ])
      await lab.server.query(sql)
    await lab.backup()
    await lab.archiveAll()
  })

  afterAll(() => lab[Symbol.asyncDispose]())

  const words = (...more: readonly string[]): readonly string[] => [
    'restore-table',
    '--scratch-dir',
    scratch,
    '--latest',
    ...more,
  ]
  const bring = async (...more: readonly string[]): Promise<readonly string[]> => {
    const { result } = await lab.json<Restored>(words(...more))
    return result.tables.map(({ schema, name, rows }) => `${schema}.${name} ${String(rows)}`)
  }
  const refused = async (...more: readonly string[]): Promise<{ message: string; hint: string }> => {
    const run = await lab.run([...words(...more), '--json'])
    expect(run.status, describeRun(run)).not.toBe(0)
    return faultOf(run)
  }
  const value = (sql: string): Promise<string> => lab.server.value(sql)

  test('tables and partitions of one name get back to their schemas, and what they replace stays apart, too', async () => {
    const before = await value(
      "SELECT string_agg(tableoid::regclass || ' ' || at, ', ' ORDER BY at) FROM log",
    )
    expect(await bring('*.same', 'log', '--replace')).toEqual([
      'a.part 1',
      'a.same 1',
      'b.part 1',
      'b.same 2',
      'public.log 0',
    ])
    expect(await value("SELECT string_agg(tableoid::regclass || ' ' || at, ', ' ORDER BY at) FROM log")).toBe(
      before,
    )
    expect(
      await value(
        "SELECT string_agg(schemaname, ', ' ORDER BY 1) FROM pg_indexes WHERE indexname = 'same_index' AND schemaname !~ '^replaced'",
      ),
    ).toBe('a, b')
    expect(
      await value("SELECT count(*) FROM pg_tables WHERE schemaname ~ '^replaced_' AND tablename = 'same'"),
    ).toBe('2')
    expect(await value("SELECT count(*) FROM pg_namespace WHERE nspname ~ '^holdfast_'")).toBe('0')
    expect(
      await value(
        "SELECT stxnamespace::regnamespace FROM pg_statistic_ext WHERE stxrelid = 'a.same'::regclass",
      ),
    ).toBe('statistics')
  })

  test('what does not fit into one schema is said before anything is copied', async () => {
    expect((await refused('*.same')).message).toContain('two of the tables are called same')
    expect((await refused('b.other', 'a.another')).message).toContain(
      'two of the tables have an index called other_index',
    )
  })

  test('the longest names are cut between characters, and stay different', async () => {
    const name = 'ü'.repeat(31)
    expect(await bring(longName, '--as', name)).toEqual([`public.${name} 0`])
    expect(await value(`SELECT count(*) FROM pg_index WHERE indrelid = 'public.${name}'::regclass`)).toBe('2')
  })

  test('what is no table, or is called otherwise, is told', async () => {
    expect((await refused('looking')).message).toBe('looking is a view at the latest point, and no table')
    expect((await refused('Odd.One')).hint).toContain('psql takes it')
    expect((await refused('"odd.one"')).hint).toContain('Did you mean public."Odd.One"?')
    expect((await refused('--schema', 'statistic')).hint).toContain('Did you mean statistics?')
  })

  test('it goes into no place that PostgreSQL keeps for itself, or would call otherwise', async () => {
    for (const place of [
      ['--into', 'pg_catalog'],
      ['--into', ''],
      ['--into', 'w'.repeat(64)],
      ['--as', 'w'.repeat(64)],
    ])
      expect((await refused('b.other', ...place)).message).toContain(
        'can not be the name of what is restored',
      )
  })

  test('a role whose usual sessions are read only can bring tables back', async () => {
    await lab.server.query('ALTER ROLE postgres SET default_transaction_read_only = on')
    try {
      expect(await bring('b.other', '--into', 'by_readers')).toEqual(['by_readers.other 0'])
    } finally {
      await lab.server.query('BEGIN READ WRITE; ALTER ROLE postgres RESET ALL; COMMIT')
    }
  })

  test('a table in use is replaced when its users are done, and nobody else waits long for it', async () => {
    const [holder, other] = await Promise.all([lab.server.connect(), lab.server.connect()])
    try {
      await holder.query('BEGIN; SELECT * FROM b.other')
      const running = lab.start(words('b.other', '--replace'))
      const waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"
      const waiting = (count: string) => async (): Promise<boolean> => (await value(waits)) === count
      await until('it waits for its lock', waiting('1'))
      await other.query("SET lock_timeout = '8s'")
      for (let i = 0; i < 3; i++) await other.query('SELECT count(*) FROM b.other')
      // Who is in the way is told between the first time and the second.
      await until('it lets the others get on', waiting('0'))
      await until('it waits for its lock again', waiting('1'))
      await holder.query('COMMIT')
      const run = await running.ended
      expect(run.status, describeRun(run)).toBe(0)
      expect(run.err).toMatch(
        /waiting for a lock .*: in use by process \d+ of postgres \(idle in transaction, since /,
      )
      expect(run.out).toContain('b.other is back as b.other')
    } finally {
      await Promise.all([holder.end(), other.end()])
    }
  })
})
