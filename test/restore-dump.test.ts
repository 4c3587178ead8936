/** A database comes back from a dump as it was: everything in it, on servers of several versions. */
import type { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DumpRecord } from '../src/repository/format/dump-record.ts'
import { clientDirectory, type ClientMajor } from './support/postgres-clients.ts'
import type { Major } from './support/postgres-binaries.ts'
import { openLab, type Lab } from './support/repository-lab.ts'
import { portrait, richSchema } from './support/rich-database.ts'

describe.each<[Major, ClientMajor, number]>([
  [14, 15, 20],
  // A pg_restore that sets what this server does not know.
  [15, 18, 20],
  [18, 18, 500],
])('PostgreSQL %i, with pg_dump and pg_restore %i', (major, clientMajor, smallTables) => {
  let lab: Lab
  let config: string
  const name = 'Shop & "co"'
  const ids = { custom: '', directory: '' }

  beforeAll(async () => {
    lab = await openLab({ major, settings: { max_locks_per_transaction: 256 } })
    const { connection } = lab.config['postgres'] as { connection: string }
    config = lab.writeConfig('holdfast.yaml', {
      postgres: { connection, bin_directory: clientDirectory(clientMajor) },
    })
    await lab.server.query(`CREATE ROLE rich_owner; CREATE ROLE "rich reader"`)
    await lab.server.query(
      `CREATE DATABASE "Shop & ""co""" OWNER rich_owner LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`,
    )
    await lab.server.query(`ALTER DATABASE "Shop & ""co""" SET work_mem = '5MB'`)
    await lab.server.query(`ALTER DATABASE "Shop & ""co""" CONNECTION LIMIT 40`)
    await lab.server.query(`ALTER ROLE rich_owner IN DATABASE "Shop & ""co""" SET search_path = 'a', 'it''s'`)
    await lab.server.query(`COMMENT ON DATABASE "Shop & ""co""" IS 'what we sell'`)
    await lab.server.query(`REVOKE CONNECT ON DATABASE "Shop & ""co""" FROM PUBLIC`)
    await lab.server.query(`GRANT CONNECT ON DATABASE "Shop & ""co""" TO "rich reader"`)
    await inDatabase(name, client => client.query(richSchema(major, smallTables)))
    const dump = async (jobs: string): Promise<string> =>
      (await lab.json<DumpRecord>(['--config', config, 'dump', name, '--jobs', jobs])).id
    ids.custom = await dump('1')
    ids.directory = await dump('2')
  })
  afterAll(() => lab[Symbol.asyncDispose]())

  async function inDatabase<T>(database: string, work: (client: Client) => Promise<T>): Promise<T> {
    const client = await lab.server.connect(database)
    try {
      return await work(client)
    } finally {
      await client.end()
    }
  }

  test.each(['custom', 'directory'] as const)(
    'everything comes back as it was from the %s shape, and is counted',
    async shape => {
      const restored = await lab.json<{ result: { tables: number; rows: number; largeObjects: number } }>([
        '--config',
        config,
        'restore-dump',
        ids[shape],
        '--database',
        `restored_${shape}`,
        '--jobs',
        '3',
      ])
      expect(restored.result).toMatchObject({ largeObjects: 3 })
      expect(await inDatabase(`restored_${shape}`, portrait)).toEqual(await inDatabase(name, portrait))
    },
  )
})
