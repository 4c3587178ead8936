/** A laboratory with two small shops and dumps of them: whole, damaged, with a record that is not true, of a newer version. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { DumpRecord } from '../../src/repository/format/dump-record.ts'
import { flipByte } from './damage.ts'
import { describeRun, jsonOf, type Run } from './holdfast.ts'
import { clientDirectory } from './postgres-clients.ts'
import { openLab, type Lab } from './repository-lab.ts'
import { storeDump } from './stored-dump.ts'

export const [whole, damaged, untrue, newer] = [1, 2, 3, 4].map(n => `2026030${String(n)}T020000Z-dump`) as [
  string,
  string,
  string,
  string,
]

const shop = `
  CREATE SCHEMA sales; CREATE SCHEMA other;
  CREATE TYPE other.state AS ENUM ('new', 'paid');
  CREATE FUNCTION other.next() RETURNS int LANGUAGE sql AS 'SELECT 7';
  CREATE TABLE sales.customers (id serial PRIMARY KEY, name text);
  CREATE TABLE sales.orders (id int PRIMARY KEY DEFAULT other.next(), customer int REFERENCES sales.customers, s other.state);
  CREATE TABLE other.log (at int, what text);
  CREATE VIEW sales.logged AS SELECT * FROM other.log;
  CREATE VIEW sales.paid AS SELECT * FROM sales.orders WHERE s = 'paid';
  CREATE INDEX ON sales.orders (customer);
  INSERT INTO sales.customers (name) SELECT 'c' || i FROM generate_series(1, 100) i;
  INSERT INTO sales.orders SELECT i, i, 'paid' FROM generate_series(1, 100) i;
  INSERT INTO other.log SELECT i, string_agg(md5(random()::text), '') FROM generate_series(1, 3000) i, generate_series(1, 60) GROUP BY i;
  GRANT SELECT ON sales.orders TO clerk; ALTER TABLE sales.orders OWNER TO clerk;
  CREATE POLICY own ON sales.orders FOR SELECT TO clerk USING (true);`

export interface DumpedShops {
  readonly lab: Lab
  readonly clients: string
  readonly inDatabase: (database: string, sql: string) => Promise<unknown[][]>
  readonly restore: (args: readonly string[], environment?: Record<string, string>) => Promise<Run>
  readonly restored: (args: readonly string[]) => Promise<Record<string, unknown>>
  readonly databases: () => Promise<string[]>
  readonly expectRefused: (args: readonly string[], code: string, says: RegExp) => Promise<void>
}

export async function openDumpedShops(): Promise<DumpedShops> {
  const lab = await openLab({ major: 15, build: 'debian', encryption: 'none' })
  const clients = clientDirectory(15)
  const config = lab.configPath
  const folderOf = (id: string): string => join(lab.repositoryDirectory, lab.cluster, 'dumps', id)

  async function inDatabase(database: string, sql: string): Promise<unknown[][]> {
    const client = await lab.server.connect(database)
    try {
      const { rows } = await client.query<unknown[]>({ text: sql, rowMode: 'array' })
      return rows
    } finally {
      await client.end()
    }
  }

  const restore = (args: readonly string[], environment: Record<string, string> = {}): Promise<Run> =>
    lab.run(['--config', config, 'restore-dump', '--json', ...args], { environment })

  async function restored(args: readonly string[]): Promise<Record<string, unknown>> {
    const run = await restore(args)
    expect(run.status, describeRun(run)).toBe(0)
    return jsonOf<{ result: Record<string, unknown> }>(run).result
  }

  const databases = async (): Promise<string[]> =>
    (await inDatabase('postgres', 'SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1')).map(
      ([name]) => String(name),
    )
  /** Fails with this code, and leaves the databases as they were, with nothing of holdfast's among them. */
  async function expectRefused(args: readonly string[], code: string, says: RegExp): Promise<void> {
    const before = await databases()
    const run = await restore(args)
    expect(run.status, describeRun(run)).not.toBe(0)
    const { error } = JSON.parse(run.err.trim().split('\n').at(-1) ?? '') as {
      error: { code: string; message: string; hint: string }
    }
    expect(error.code, describeRun(run)).toBe(code)
    expect(`${error.message} ${error.hint}`).toMatch(says)
    expect(await databases()).toEqual(before)
  }

  await lab.server.query(`CREATE ROLE clerk LOGIN PASSWORD 'secret'; CREATE ROLE "no body"`)
  for (const name of ['shop', 'second']) {
    await lab.server.query(`CREATE DATABASE ${name}`)
    await inDatabase(name, shop)
  }
  await storeDump(lab, { id: whole, clients, databases: ['shop', 'second'] })
  await storeDump(lab, { id: damaged, clients, databases: ['shop'] })
  await storeDump(lab, { id: untrue, clients, databases: ['shop'], rows: { orders: 101 } })
  await storeDump(lab, {
    id: newer,
    clients,
    databases: ['shop'],
    record: { postgres: { versionNumber: 160_001, version: '16.1' } } satisfies Partial<DumpRecord>,
  })
  const object = join(folderOf(damaged), 'parts/00001.dump.zst')
  flipByte(object, Math.floor(statSync(object).size / 2))
  return { lab, clients, inDatabase, restore, restored, databases, expectRefused }
}
