/** A dropped schema and a dropped database on every version of PostgreSQL beside the one of restore-schema.test.ts. */
import { join } from 'node:path'
import type { Client } from 'pg'
import { describe, expect, test } from 'vitest'
import { makeOwned } from './support/postgres-server.ts'
import { programFolder } from './support/program-folder.ts'
import { openLab } from './support/repository-lab.ts'
import { portrait, richSchema } from './support/rich-database.ts'
import { portraitOfSchema, sales } from './support/sales-schema.ts'

describe.each([14, 16, 17, 18] as const)('on PostgreSQL %i', major => {
  test('a schema and a database that were dropped come back with everything', async () => {
    await using lab = await openLab({
      major,
      encryption: 'none',
      walSegmentSizeMb: 4,
      settings: { autovacuum: false },
    })
    const connection = lab.server.connectionString
    const programs = programFolder(lab.server.root, major)
    lab.writeConfig('holdfast.yaml', { postgres: { connection, bin_directory: programs } })
    const scratch = join(lab.server.root, 'scratch')
    makeOwned(scratch)
    const inRich = async <T>(work: (client: Client) => Promise<T>): Promise<T> => {
      const client = await lab.server.connect('rich')
      try {
        return await work(client)
      } finally {
        await client.end()
      }
    }
    await lab.server.query(sales)
    await lab.server.query('CREATE ROLE rich_owner; CREATE ROLE "rich reader"')
    await lab.server.query('CREATE DATABASE rich')
    await inRich(client => client.query(richSchema(major, 3)))
    await lab.backup()
    await lab.server.query("INSERT INTO sales.orders (name) VALUES ('after the backup')")
    await inRich(client =>
      client.query("INSERT INTO nothing VALUES (77); SELECT lo_from_bytea(7000, 'late')"),
    )
    const [schema, database] = [await portraitOfSchema(lab.server, 'sales'), await inRich(portrait)]
    await lab.server.query('DROP SCHEMA sales CASCADE')
    await lab.server.query('DROP DATABASE rich')
    await lab.archiveAll()

    const bring = (...words: readonly string[]): Promise<unknown> =>
      lab.ok(['restore-table', '--before-drop', '--scratch-dir', scratch, ...words])
    await bring('--schema', 'sales')
    expect(await portraitOfSchema(lab.server, 'sales')).toEqual(schema)
    await bring('--whole-database', '--database', 'rich')
    expect(await inRich(portrait)).toEqual(database)
  })
})
