/** What can be chosen of a dump, and how a restored database takes the place of another. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { damaged, openDumpedShops, untrue, whole, type DumpedShops } from './support/dumped-shops.ts'
import { describeRun, jsonOf } from './support/holdfast.ts'
import { openLab, type Lab } from './support/repository-lab.ts'

let shops: DumpedShops
let lab: Lab
beforeAll(async () => {
  shops = await openDumpedShops()
  lab = shops.lab
})
afterAll(() => lab[Symbol.asyncDispose]())

const relations = async (database: string): Promise<string[]> =>
  (
    await shops.inDatabase(
      database,
      `SELECT oid::regclass::text FROM pg_class WHERE relnamespace::regnamespace::text IN ('sales', 'other') ORDER BY 1`,
    )
  ).map(([name]) => String(name))

describe('what is chosen', () => {
  test('a table comes with what it needs and what hangs on it, and nothing else', async () => {
    const report = await shops.restored([
      whole,
      '--database',
      'one_table',
      '--from',
      'shop',
      '--table',
      'sales.orders',
    ])
    expect(report).toMatchObject({ tables: 1, rows: 100 })
    expect(await relations('one_table')).toEqual([
      'sales.orders',
      'sales.orders_customer_idx',
      'sales.orders_pkey',
    ])
    expect(
      await shops.inDatabase('one_table', `SELECT count(*)::int, other.next() FROM sales.orders`),
    ).toEqual([[100, 7]])
    expect(
      await shops.inDatabase('one_table', `SELECT has_table_privilege('clerk', 'sales.orders', 'SELECT')`),
    ).toEqual([[true]])
  })

  test('a schema comes whole, but for what needs tables of another, which is told', async () => {
    const run = await shops.restore([
      whole,
      '--database',
      'one_schema',
      '--from',
      'second',
      '--schema',
      'sales',
      '--no-owner',
      '--no-privileges',
    ])
    const { plan } = jsonOf<{ plan: { leftOut: readonly { name: string }[] } }>(run)
    expect(plan.leftOut.map(({ name }) => name)).toEqual(['logged'])
    const names = await relations('one_schema')
    expect(names).toContain('sales.customers_id_seq')
    expect(names).toContain('sales.paid')
    expect(names).not.toContain('other.log')
    expect(
      await shops.inDatabase(
        'one_schema',
        `SELECT nextval('sales.customers_id_seq')::int, tableowner FROM pg_tables WHERE tablename = 'orders'`,
      ),
    ).toEqual([[101, 'postgres']])
    expect(
      await shops.inDatabase('one_schema', `SELECT count(*)::int FROM pg_constraint WHERE contype = 'f'`),
    ).toEqual([[1]])
  })

  test('all but a table comes without what needs it', async () => {
    await shops.restored([whole, '--database', 'all_but', '--from', 'shop', '--exclude-table', 'other.log'])
    const names = await relations('all_but')
    expect(names).toContain('sales.orders')
    expect(names).not.toContain('other.log')
    expect(names).not.toContain('sales.logged')
  })

  test.each<[string, readonly string[], RegExp]>([
    [
      'a name that several databases could be meant by',
      ['--database', 'new'],
      /--from one of "shop", "second"/,
    ],
    [
      'a database that the dump does not hold',
      ['--database', 'new', '--from', 'shopp'],
      /holds "shop", "second"/,
    ],
    [
      'a table that is not there',
      ['--database', 'new', '--from', 'shop', '--table', 'nothing'],
      /nothing of these/,
    ],
    [
      'a name that is none',
      ['--database', 'new', '--from', 'shop', '--table', '"half'],
      /not a name or pattern/,
    ],
  ])('%s is refused', async (_, args, says) => {
    await shops.expectRefused([whole, ...args], 'USAGE', says)
  })

  test('the plan tells what would be done, and does nothing', async () => {
    const before = await shops.databases()
    const run = await lab.ok([
      'restore-dump',
      whole,
      '--database',
      'shop',
      '--replace',
      '--keep-old',
      '--plan',
    ])
    expect(run.out).toMatch(/in the place of the one that is there, which is kept as "shop_before_\d{14}"/)
    expect(run.out).toMatch(/3 tables, 3,200 rows/)
    expect(await shops.databases()).toEqual(before)
  })
})

describe('a database that is there', () => {
  test('is not touched without --replace', async () => {
    await shops.expectRefused([whole, '--database', 'shop'], 'DATABASE_EXISTS', /--replace/)
  })

  test('gives way when all went well; who is connected to it is thrown out then', async () => {
    await lab.server.query('CREATE DATABASE replaced')
    const session = await lab.server.connect('replaced')
    await session.query('CREATE TABLE old_things ()')
    const ended = new Promise(resolve => session.once('end', resolve))
    const report = await shops.restored([
      whole,
      '--database',
      'replaced',
      '--from',
      'shop',
      '--replace',
      '--keep-old',
    ])
    await ended
    const { replaced } = report as { replaced: { sessionsEnded: number; keptAs: string } }
    expect(replaced).toMatchObject({
      sessionsEnded: 1,
      keptAs: expect.stringMatching(/^replaced_before_/) as string,
    })
    expect(await relations('replaced')).toContain('sales.orders')
    expect(
      await shops.inDatabase(
        replaced.keptAs,
        `SELECT count(*)::int FROM pg_tables WHERE tablename = 'old_things'`,
      ),
    ).toEqual([[1]])
    await shops.restored([whole, '--database', 'replaced', '--from', 'second', '--replace'])
    expect((await shops.databases()).filter(name => name.startsWith('replaced'))).toEqual(
      ['replaced', replaced.keptAs].sort(),
    )
  })

  test('stays as it is, and open, when the dump is damaged in the midst of its data', async () => {
    await shops.expectRefused([damaged, '--database', 'shop', '--replace'], 'OBJECT_CORRUPT', /00001\.dump/)
    expect(await shops.inDatabase('shop', 'SELECT count(*)::int FROM sales.orders')).toEqual([[100]])
  })

  test('stays as it is when rows differ from what was recorded', async () => {
    await shops.expectRefused(
      [untrue, '--database', 'shop', '--replace'],
      'ROWS_DIFFER',
      /sales\.orders: 101 dumped, 100 restored/,
    )
  })

  test('stays as it is when a prepared transaction keeps it in use', async () => {
    lab.server.configure({ max_prepared_transactions: 5 })
    await lab.server.restart()
    await lab.server.query('CREATE DATABASE in_use')
    await shops.inDatabase('in_use', `BEGIN; CREATE TABLE t (); PREPARE TRANSACTION 'stuck'`)
    await shops.expectRefused(
      [whole, '--database', 'in_use', '--from', 'shop', '--replace'],
      'DATABASE_EXISTS',
      /in_use/,
    )
    await shops.inDatabase('in_use', `ROLLBACK PREPARED 'stuck'`)
  })
})

describe('roles', () => {
  test('that are missing are named before anything is done; --globals makes them, with their passwords', async () => {
    await using other = await openLab({ major: 15, build: 'debian', encryption: 'none', tcp: true })
    const { connectionString } = other.server
    const environment = { HOLDFAST_RESTORE_CONNECTION: connectionString }
    const refused = await shops.restore([whole, '--database', 'shop'], environment)
    expect(refused.err).toContain('no role \\"clerk\\"')
    const without = ['--no-owner', '--no-privileges']
    const policy = await shops.restore([whole, '--database', 'shop', ...without], environment)
    expect(policy.err).toContain('no role \\"clerk\\", for which the dump has policies')
    await other.server.query('CREATE ROLE "no body" CONNECTION LIMIT 3')
    const file = join(lab.server.root, 'connection')
    lab.write(file, connectionString)
    const run = await shops.restore([whole, '--database', 'shop', '--globals', '--connection-file', file])
    expect(run.status, describeRun(run)).toBe(0)
    const { result } = jsonOf<{ result: { globals: unknown } }>(run)
    expect(result.globals).toEqual({ created: ['clerk'], existing: ['no body', 'postgres'] })
    const password = `SELECT rolpassword FROM pg_authid WHERE rolname = 'clerk'`
    expect(await other.server.value(password)).toBe(await lab.server.value(password))
    expect(await other.server.value(`SELECT rolconnlimit FROM pg_roles WHERE rolname = 'no body'`)).toBe('3')
  })
})
