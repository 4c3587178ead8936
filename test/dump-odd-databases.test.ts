/** Databases that are unlike others come back equal, and can be replaced: judged by pg_dump of both. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DumpRecord } from '../src/repository/format/dump-record.ts'
import { clientDirectory } from './support/postgres-clients.ts'
import { openLab, type Lab } from './support/repository-lab.ts'

/** What sessions in a database stumble over that is set to this: it is not meant for who fills it. */
const strictly = [
  'default_transaction_read_only = on',
  "statement_timeout = '1ms'",
  "lock_timeout = '1ms'",
  "idle_session_timeout = '300ms'",
  "idle_in_transaction_session_timeout = '300ms'",
  'default_transaction_isolation = serializable',
  'client_encoding = LATIN1',
  'standard_conforming_strings = off',
].map(setting => `ALTER DATABASE strict SET ${setting}`)

const unsayable = 'it\'s = \\ "x"\n'

interface Odd {
  readonly name: string
  readonly how?: string
  readonly content?: string
}

const odd: readonly Odd[] = [
  { name: 'nothing' },
  {
    name: 'strict',
    content: `CREATE TABLE t AS SELECT '€ is not in LATIN1' AS a; ${strictly.join(';')}`,
  },
  {
    name: 'icu',
    how: "LOCALE_PROVIDER icu ICU_LOCALE 'de-u-co-phonebk'",
    content: 'CREATE TABLE "größe" AS SELECT \'ß\' AS ä',
  },
  {
    name: 'greek',
    how: "ENCODING 'ISO_8859_7'",
    content: 'CREATE TABLE "Ωmega" AS SELECT \'αβγ\' AS "δ" FROM generate_series(1, 100)',
  },
  {
    // Names and rows in it are bytes, of which nobody knows what they mean.
    name: 'bytes',
    how: "ENCODING 'SQL_ASCII'",
    content: `DO $$ BEGIN EXECUTE E'CREATE TABLE "\\xf6\\xdf" AS SELECT chr(255) AS a'; END $$`,
  },
  { name: 'mould', how: 'IS_TEMPLATE true CONNECTION LIMIT 3', content: 'CREATE TABLE t AS SELECT 1 AS a' },
  {
    name: unsayable,
    how: 'CONNECTION LIMIT 0',
    content: 'CREATE TABLE "*" AS SELECT 1 AS a; CREATE TABLE "a.b" (); CREATE SCHEMA "S*?"',
  },
  {
    name: 'reader',
    content: `CREATE TABLE t (a int);
      CREATE SUBSCRIPTION s CONNECTION 'dbname=nowhere' PUBLICATION p WITH (connect = false)`,
  },
]
const names = odd.map(({ name }) => name)

let lab: Lab
const dumps = new Map<string, DumpRecord>()

beforeAll(async () => {
  lab = await openLab({ major: 15, build: 'debian', encryption: 'none', settings: { wal_level: 'logical' } })
  for (const { name, how = '', content = '' } of odd) {
    const quoted = `"${name.replaceAll('"', '""')}"`
    await lab.server.query(`CREATE DATABASE ${quoted} TEMPLATE template0 LOCALE 'C' ${how}`)
    await inDatabase(name, content)
  }
  for (const jobs of ['1', '2'])
    dumps.set(jobs, await lab.json<DumpRecord>(['dump', ...names, '--jobs', jobs]))
})
afterAll(() => lab[Symbol.asyncDispose]())

async function inDatabase(name: string, sql: string): Promise<void> {
  const client = await lab.server.connect(name)
  await client.query(sql)
  await client.end()
}

/** All that pg_dump says of what is in it, and what the server says of the database itself. */
function portrait(name: string): string {
  const call = (program: string, args: readonly string[]): string =>
    execFileSync(join(clientDirectory(15), program), args, {
      encoding: 'latin1',
      env: {
        ...process.env,
        PGHOST: lab.server.socketDirectory,
        PGPORT: String(lab.server.port),
        PGUSER: 'postgres',
        PGDATABASE: name,
        PGOPTIONS: '-c statement_timeout=0 -c lock_timeout=0',
      },
    })
  const encoding = call('psql', ['-XAtc', 'SHOW server_encoding']).trim()
  const facts = `SELECT datdba, datlocprovider, daticulocale, datcollate, datctype, datistemplate, datallowconn, datconnlimit,
      (SELECT array_agg(setconfig) FROM pg_db_role_setting WHERE setdatabase = d.oid)
      FROM pg_database d WHERE datname = current_database()`
  const content = call('pg_dump', [`--encoding=${encoding}`]).replaceAll(/^\\(un)?restrict .*$/gm, '')
  return `${encoding} ${call('psql', ['-XAtc', facts])}${content}`
}

describe.each([
  ['1', names],
  ['2', ['strict', 'greek', 'bytes', unsayable]],
])('dumped by %s jobs', (jobs, some) => {
  test.each(some)('the database %j comes back equal', async name => {
    const dump = dumps.get(jobs)
    const back = `${name.slice(0, 10)}_${jobs}`
    const args = [dump?.id ?? '', '--from', name, '--database', back]
    await lab.ok(['restore-dump', ...args])
    expect(portrait(back)).toBe(portrait(name))
    expect(dump?.warnings).toEqual([])
  })
})

test('patterns that are not ASCII mean what they say in any encoding', async () => {
  for (const jobs of ['1', '2']) {
    const dump = await lab.json<DumpRecord>(['dump', 'greek', '--table', '"Ωmega"', '--jobs', jobs])
    expect(dump.sizes).toMatchObject({ tables: 1, rows: 100 })
    const back = `omega_${jobs}`
    await lab.ok(['restore-dump', dump.id, '--from', 'greek', '--database', back, '--table', '"Ωmega"'])
    expect(portrait(back)).toBe(portrait('greek'))
  }
})

describe('what PostgreSQL holds on to is replaced all the same', () => {
  test.each(['mould', 'reader', unsayable])('%j, by people who keep coming back', async name => {
    const before = portrait(name)
    const over = new AbortController()
    const visits = (async () => {
      while (!over.signal.aborted) {
        try {
          const client = await lab.server.connect(name)
          await client.query('SELECT pg_sleep(0.01)')
          await client.end()
        } catch (error) {
          // Thrown out, or at the door in the very moment.
          if (!/terminat|dropped or renamed|does not exist/i.test(String(error))) throw error
        }
      }
    })()
    const stays = await lab.server.connect(name)
    const run = await lab.json<{ result: { replaced: object; warnings: readonly string[] } }>([
      'restore-dump',
      dumps.get('1')?.id ?? '',
      '--database',
      name,
      '--replace',
    ])
    over.abort()
    await visits
    await stays.end()
    expect(run.result.replaced).toMatchObject({ sessionsEnded: expect.any(Number) as number })
    expect(run.result.replaced).not.toHaveProperty('keptAs')
    expect(run.result.warnings).toEqual([])
    expect(portrait(name)).toBe(before)
    const left = await lab.server.query(`SELECT datname FROM pg_database WHERE datname LIKE 'holdfast%'`)
    expect(left).toEqual([])
  })

  test('what a restore left behind that was killed in the last moment is dropped by the next', async () => {
    const [replaced, restoring] = ['holdfast_replaced_0123456789ab', 'holdfast_restoring_0123456789ab']
    await lab.server.query(`CREATE DATABASE ${replaced} IS_TEMPLATE true`)
    await lab.server.query(`CREATE DATABASE ${restoring}`)
    await inDatabase(
      restoring,
      `CREATE SUBSCRIPTION s CONNECTION 'dbname=nowhere' PUBLICATION p WITH (connect = false)`,
    )
    const { result } = await lab.json<{ result: { leftoversDropped: readonly string[] } }>([
      'restore-dump',
      dumps.get('1')?.id ?? '',
      '--from',
      'nothing',
      '--database',
      'after',
    ])
    expect(result.leftoversDropped.toSorted()).toEqual([replaced, restoring])
  })
})
