/** What became of tables, told from the archived WAL alone; pg_waldump, and what the test itself did, are the judges. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeRun } from './support/holdfast.ts'
import { randomFrom } from './support/random.ts'
import { openLab, type Lab } from './support/repository-lab.ts'

interface Found {
  readonly kind: string
  readonly database: string | null
  readonly schema: string
  readonly table: string
  readonly became: { readonly schema: string; readonly name: string } | null
  readonly rows: number | null
  readonly xid: number
  readonly time: string
  readonly commitLsn: string
  readonly isLoss: boolean
  readonly before: readonly string[]
}

interface Report {
  readonly findings: readonly Found[]
  readonly transactions: readonly {
    readonly xid: number
    readonly commitLsn: string
    readonly walBytes: number
    readonly changesCatalogue: boolean
    readonly events: readonly Found[]
  }[]
  readonly spans: readonly { readonly fromLsn: string; readonly toLsn: string; readonly commits: number }[]
}

const find = (lab: Lab, ...words: readonly string[]): Promise<Report> =>
  lab.json<Report>(['wal', 'find', ...words])

/** `what table` in the order in which it happened. */
const told = ({ findings }: Report): readonly string[] =>
  findings.map(({ kind, table, became }) => `${kind} ${table}${became ? ` → ${became.name}` : ''}`)

describe('wal find', () => {
  let lab: Lab
  let beforeStory: string

  beforeAll(async () => {
    lab = await openLab({ major: 15, build: 'debian', settings: { wal_level: 'replica', autovacuum: false } })
    for (const sql of [
      'CREATE TABLE users (id int PRIMARY KEY, name text)',
      "INSERT INTO users SELECT i, repeat('x', 100) FROM generate_series(1, 5000) i",
      'CREATE TABLE kept (id int)',
      'CREATE TABLE emptied (id int PRIMARY KEY, t text); INSERT INTO emptied VALUES (1)',
      'CREATE TABLE changed (id int); INSERT INTO changed VALUES (1)',
      'CREATE SCHEMA sales; CREATE TABLE sales.orders (id int)',
      'CREATE SCHEMA tools; CREATE FUNCTION tools.one() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$',
      'CREATE SCHEMA shop; CREATE TABLE shop.baskets (id int)',
      'CREATE TABLE "Odd.Name" (id int); CREATE TABLE parts (id int) PARTITION BY LIST (id)',
    ])
      await lab.server.query(sql)
    await lab.backup()
    beforeStory = await lab.server.value('SELECT clock_timestamp()::text')
    for (const sql of [
      'DELETE FROM users WHERE id <= 2000',
      'DELETE FROM users WHERE id = 2001',
      'CREATE TABLE made (id int)',
      'TRUNCATE emptied',
      'ALTER TABLE changed ALTER id TYPE bigint',
      'ALTER TABLE sales.orders RENAME TO old_orders',
      'ALTER TABLE sales.old_orders SET SCHEMA public',
      'BEGIN; SAVEPOINT a; DROP TABLE kept; ROLLBACK TO a; SAVEPOINT b; CREATE TABLE other (id int); COMMIT',
      'VACUUM FULL pg_class',
      'VACUUM FULL pg_namespace',
      'BEGIN; CREATE TABLE gone (id int); ROLLBACK',
      'CREATE TEMP TABLE secret (id int)',
      'BEGIN; SAVEPOINT a; DROP TABLE users; COMMIT',
      'BEGIN; ALTER SCHEMA tools RENAME TO wrong; ROLLBACK',
      'DROP SCHEMA tools CASCADE',
      'ALTER SCHEMA shop RENAME TO old_shop',
      'BEGIN; CREATE SCHEMA never; ROLLBACK',
    ])
      await lab.server.query(sql)
    await lab.archiveAll()
  })

  afterAll(() => lab[Symbol.asyncDispose]())

  test('tells when a table was dropped, by whom, and which target brings it back', async () => {
    const report = await find(lab, '--table', 'public.users')
    expect(told(report)).toEqual(['deleted users', 'dropped users'])
    const [deleted, dropped] = report.findings
    expect(deleted).toMatchObject({ rows: 2000, schema: 'public', database: 'postgres', isLoss: true })
    expect(dropped?.before).toEqual(['--to-lsn', dropped?.commitLsn, '--exclusive'])
    const text = await lab.ok(['wal', 'find', '--table', 'users'])
    expect(text.out).toContain(`--to-lsn ${dropped?.commitLsn ?? ''} --exclusive`)
    expect(text.out).toMatch(/dropped public\.users \(postgres\)/)
  })

  test('tells what else can become of a table, through catalogues that were moved to other files', async () => {
    const lines = told(await find(lab, '--table', '*'))
    for (const line of [
      'truncated emptied',
      'rewritten changed',
      'created made',
      'created other',
      'renamed orders → old_orders',
      'renamed old_orders → old_orders',
    ])
      expect(lines).toContain(line)
    // Nothing of what was rolled back, or of a session's own tables.
    expect(lines.filter(line => /kept|gone|secret/.test(line))).toEqual([])
  })

  test('tells of schemas, also of those without a table, and of tables whose schema got another name', async () => {
    const schema = await find(lab, '--schema', 'tools')
    expect(schema.findings.map(({ kind, schema: name, isLoss }) => [kind, name, isLoss])).toEqual([
      ['schema dropped', 'tools', true],
    ])
    expect(schema.findings[0]?.before).toEqual(['--to-lsn', schema.findings[0]?.commitLsn, '--exclusive'])
    const text = await lab.ok(['wal', 'find', '--table', 'shop.baskets'])
    expect(text.out).toContain('schema renamed: shop to old_shop (postgres)')
    const all = await find(lab, '--between', beforeStory, '2999-01-01 00:00:00Z')
    const kinds = all.transactions.flatMap(({ events }) => events.map(({ kind }) => kind))
    expect(kinds.filter(kind => kind.startsWith('schema'))).toEqual(['schema dropped', 'schema renamed'])
  })

  test.each([
    [
      '--table',
      'public.usres',
      /there is no table public\.usres, neither in the live/,
      /mean public\.users\?/,
    ],
    ['--table', 'odd.name', /there is no table odd\.name/, /psql takes it/],
    ['--table', '"odd.name"', /there is no table "odd\.name"/, /mean public\."Odd\.Name"\?/],
    ['--table', 'sales.kept', /there is no table sales\.kept/, /mean public\.kept\?/],
    ['--table', 'gone', /there is no table gone/, /psql takes it/],
    ['--schema', 'tolls', /there is no schema tolls/, /mean tools\?/],
    ['--schema', 'never', /there is no schema never/, /psql takes it/],
  ])('%s %s was never there, and that is said, with what is like it', async (option, name, told, hint) => {
    const run = await lab.run(['wal', 'find', '--table', 'kept', option, name])
    expect(run.status, describeRun(run)).toBe(58)
    expect(run.out).toContain('nothing happened to kept in the WAL that was read')
    expect(run.err).toMatch(told)
    expect(run.err).toMatch(hint)
  })

  test('lists the transactions between two times as pg_waldump does', async () => {
    const report = await find(lab, '--between', beforeStory, '2999-01-01 00:00:00Z')
    const judged = commitsByWaldump(lab, report.spans[0]?.fromLsn ?? '').filter(
      ({ time }) => time >= Date.parse(beforeStory),
    )
    expect(report.transactions.map(({ xid, commitLsn }) => `${String(xid)} ${commitLsn}`)).toEqual(
      judged.map(({ xid, lsn }) => `${String(xid)} ${lsn}`),
    )
    const withDdl = report.transactions.filter(({ events }) => events.length > 0)
    expect(
      withDdl.every(({ changesCatalogue, events }) => changesCatalogue || events[0]?.kind === 'deleted'),
    ).toBe(true)
    const deleting = report.transactions.find(({ events }) => events[0]?.rows === 2000)
    expect(deleting?.walBytes).toBeGreaterThan(2000 * 50)
  })

  test('a name that is only in the live server is newer than the WAL that was read; one without a file is known', async () => {
    await lab.server.query('CREATE TABLE fresh (id int)')
    const run = await lab.ok(['wal', 'find', '--table', 'fresh', '--table', 'parts'])
    expect(run.out).toContain('the table fresh is in the live server, and was made after')
    expect(run.out).toContain('nothing happened to parts')
    const wrong = await lab.run(['wal', 'find', '--table', 'users', '--database', 'postgers'])
    expect(wrong.status, describeRun(wrong)).toBe(58)
    expect(wrong.err).toContain('Did you mean postgres?')
  })

  test('refuses a command that does not say what to look for', async () => {
    const run = await lab.run(['wal', 'find'])
    expect(run.status, describeRun(run)).toBe(2)
    expect(run.err).toContain('--table')
    const backwards = ['--between', '2999-01-01 00:00:00Z', beforeStory]
    expect(await lab.run(['wal', 'find', ...backwards])).toMatchObject({ status: 2 })
  })
})

/** Every commit record from this position on, as Debian's own program reads it. */
function commitsByWaldump(
  { server }: Lab,
  fromLsn: string,
): readonly { xid: number; lsn: string; time: number }[] {
  const args = ['-p', join(server.dataDirectory, 'pg_wal'), '-r', 'Transaction', '-s', fromLsn]
  // It ends with a complaint where the WAL ends.
  const { stdout } = spawnSync(join(server.binDirectory, 'pg_waldump'), args, {
    encoding: 'utf8',
    env: { TZ: 'UTC', PATH: process.env['PATH'] },
    maxBuffer: 1 << 28,
  })
  return stdout.split('\n').flatMap(line => {
    const match = /tx:\s+(\d+), lsn: ([0-9A-F]+)\/0*([0-9A-F]+),.*desc: COMMIT (\S+) (\S+) UTC/.exec(line)
    if (!match) return []
    const [, xid, high = '', low = '', day = '', hour = ''] = match
    return [{ xid: Number(xid), lsn: `${high}/${low}`, time: Date.parse(`${day}T${hour}Z`) }]
  })
}

/** What one step of a random history does to table `n`, and what is to be told of it. */
type Step = readonly [sql: (table: string) => string, kind: string | undefined]

const steps: readonly Step[] = [
  [table => `TRUNCATE ${table}`, 'truncated'],
  [table => `VACUUM FULL ${table}`, 'rewritten'],
  [table => `ALTER TABLE ${table} ADD COLUMN c${String(Math.abs(hash(table)))} int`, undefined],
  [table => `INSERT INTO ${table} (id) SELECT generate_series(1, 50)`, undefined],
  [table => `DELETE FROM ${table}`, undefined],
  [table => `BEGIN; DROP TABLE ${table}; ROLLBACK`, undefined],
  [
    table => `BEGIN; SAVEPOINT s; TRUNCATE ${table}; ROLLBACK TO s; SAVEPOINT t; DROP TABLE ${table}; COMMIT`,
    'dropped',
  ],
  [table => `DROP TABLE ${table}`, 'dropped'],
]

const hash = (text: string): number =>
  [...text].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) | 0, 7)

test.each([1, 2])(
  'a random history of DDL is told as it was, over page images of every form (seed %i)',
  async seed => {
    const random = randomFrom(seed)
    await using lab = await openLab({
      major: 15,
      build: 'debian',
      walSegmentSizeMb: 1,
      encryption: 'none',
      settings: {
        wal_compression: seed === 1 ? 'off' : 'pglz',
        wal_log_hints: seed === 2,
        autovacuum: false,
      },
    })
    const tables = Array.from({ length: 8 }, (_, i) => `t${String(i)}`)
    const client = await lab.server.connect()
    const expected: string[] = []
    try {
      for (const table of tables)
        await client.query(`CREATE TABLE ${table} (id int PRIMARY KEY, filler text)`)
      await lab.backup()
      const there = new Set(tables)
      for (let i = 0; i < 90; i++) {
        const table = random.pick(tables)
        if (!there.has(table)) {
          await client.query(`CREATE TABLE ${table} (id int PRIMARY KEY, filler text)`)
          there.add(table)
          expected.push(`created ${table}`)
          continue
        }
        if (random.chance(0.08)) await client.query('CHECKPOINT')
        const [sql, kind] = random.pick(steps)
        const statement =
          i % 9 === 5 ? `ALTER TABLE ${table} SET (fillfactor = ${String(50 + (i % 50))})` : sql(table)
        const isDone = await client.query(statement).then(
          () => true,
          () => false,
        )
        if (!isDone || statement.includes('fillfactor')) continue
        if (kind === 'dropped') there.delete(table)
        if (kind !== undefined) expected.push(`${kind} ${table}`)
      }
    } finally {
      await client.end()
    }
    await lab.archiveAll()
    const report = await find(lab, '--table', 't?', '--between', '2000-01-01 00:00:00Z')
    const happened = told(report).filter(line => /^(created|dropped|truncated|rewritten) t\d$/.test(line))
    expect(happened).toEqual(expected)
  },
)
