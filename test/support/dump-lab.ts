/** A laboratory with a database to dump: all that pg_dump treats in a way of its own. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { clientDirectory, type ClientMajor } from './postgres-clients.ts'
import { openLab, type Lab, type LabOptions } from './repository-lab.ts'

export interface DumpLab extends Lab {
  /** pg_dump, pg_restore, psql. */
  readonly clients: string
}

const schema = `
  CREATE TABLE plain (id int PRIMARY KEY, t text);
  INSERT INTO plain SELECT i, 'row ' || i || E'\\t\\\\ \\\\. \\n\\\\.\\n' FROM generate_series(1, 20000) i;
  CREATE TABLE large (id int, t text);
  INSERT INTO large SELECT i, repeat(md5(i::text), 8) FROM generate_series(1, 40000) i;
  CREATE TABLE "odd ""name"", ünï" (a text, b bytea);
  INSERT INTO "odd ""name"", ünï" VALUES (E'\\\\.', ''), ('', '\\x00ff0a'), (NULL, NULL);
  CREATE TABLE nothing (a int);
  CREATE SCHEMA side; CREATE TABLE side.log (a int); INSERT INTO side.log SELECT generate_series(1, 50);
  CREATE TABLE parts (a int, b text) PARTITION BY LIST (a);
  CREATE TABLE part_1 PARTITION OF parts FOR VALUES IN (1);
  CREATE TABLE part_2 PARTITION OF parts FOR VALUES IN (2);
  INSERT INTO parts VALUES (1, 'a'), (2, 'b'), (2, 'c');
  CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM plain;
  CREATE SEQUENCE numbers; SELECT nextval('numbers');
  SELECT lo_create(5000), lo_from_bytea(6000, decode(repeat('abcd', 50000), 'hex'));`

export const shopRows = new Map([
  ['plain', 20_000],
  ['large', 40_000],
  ['odd "name", ünï', 3],
  ['nothing', 0],
  ['log', 50],
  ['part_1', 1],
  ['part_2', 2],
])

export async function openDumpLab(
  clientMajor: ClientMajor,
  options: Omit<LabOptions, 'config'>,
): Promise<DumpLab> {
  const clients = clientDirectory(clientMajor)
  const lab = await openLab(options)
  const { connection } = lab.config['postgres'] as { connection: string }
  lab.writeConfig('holdfast.yaml', { postgres: { connection, bin_directory: clients } })
  await lab.server.query('CREATE ROLE clerk')
  await lab.server.query('CREATE DATABASE "shop & co" OWNER clerk')
  const shop = await lab.server.connect('shop & co')
  try {
    await shop.query(schema)
  } finally {
    await shop.end()
  }
  return Object.assign(lab, { clients })
}

/** Restores with pg_restore alone, into a new database; its name. */
export async function restoreWith(
  { server, clients }: DumpLab,
  name: string,
  args: readonly string[],
): Promise<void> {
  await server.query(`CREATE DATABASE ${name}`)
  execFileSync(
    join(clients, 'pg_restore'),
    [
      '-h',
      server.socketDirectory,
      '-p',
      String(server.port),
      '-U',
      'postgres',
      '-d',
      name,
      '--exit-on-error',
      ...args,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
}

/** Rows by table of a database, and the bytes of its large objects. */
export async function countRows(
  { server }: DumpLab,
  database: string,
): Promise<{ readonly rows: Map<string, number>; readonly largeObjects: string }> {
  const client = await server.connect(database)
  try {
    const tables = await client.query<{ schema: string; name: string }>(
      `SELECT schemaname AS schema, tablename AS name FROM pg_tables WHERE schemaname IN ('public', 'side')`,
    )
    const rows = new Map<string, number>()
    for (const { schema, name } of tables.rows) {
      if (name === 'parts') continue
      const counted = await client.query<{ n: string }>(
        `SELECT count(*) AS n FROM ${client.escapeIdentifier(schema)}.${client.escapeIdentifier(name)}`,
      )
      rows.set(name, Number(counted.rows[0]?.n))
    }
    const objects = await client.query<{ sum: string }>(
      `SELECT string_agg(oid || ' ' || md5(lo_get(oid)), ', ' ORDER BY oid) AS sum FROM pg_largeobject_metadata`,
    )
    return { rows, largeObjects: objects.rows[0]?.sum ?? '' }
  } finally {
    await client.end()
  }
}
