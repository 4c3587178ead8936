import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { describe, expect, test } from 'vitest'
import { majors, serverUser } from '../../../test/support/postgres-binaries.ts'
import { makeOwned, startServer, type TestServer } from '../../../test/support/postgres-server.ts'
import { findClientTool, requireTool } from '../../../test/support/tools.ts'
import { connect } from '../connection.ts'
import { serverFacts } from '../server-facts.ts'
import { scanDataDirectory, type ScanItem } from './scan.ts'

const never = new AbortController().signal

interface Found {
  readonly paths: string[]
  readonly items: ScanItem[]
  readonly warnings: string[]
}

async function scan(server: TestServer, between?: (item: ScanItem) => void): Promise<Found> {
  await using connection = await connect(server.connectionString, { environment: {} }, never)
  const { major, catalogVersion } = await serverFacts(connection, never)
  const found: Found = { paths: [], items: [], warnings: [] }
  for await (const item of scanDataDirectory(
    { dataDirectory: server.dataDirectory, major, catalogVersion },
    never,
  )) {
    between?.(item)
    found.items.push(item)
    if (item.kind === 'warning') found.warnings.push(item.message)
    else if (item.kind === 'files') found.paths.push(...item.names.map(name => join(item.directory, name)))
    else if (item.path !== '') found.paths.push(`${item.path}/`)
  }
  return found
}

/** Files, and folders with a slash, below `root`; links of tablespaces are followed. */
function listTree(root: string, folder = root): string[] {
  return readdirSync(folder).flatMap(name => {
    const path = join(folder, name)
    const inRoot = relative(root, path)
    return statSync(path).isDirectory() ? [`${inRoot}/`, ...listTree(root, path)] : [inRoot]
  })
}

/** A server with one of everything that a scan has to know. */
async function furnish(server: TestServer): Promise<void> {
  makeOwned(join(server.root, 'space'))
  makeOwned(join(server.dataDirectory, 'inside'))
  await server.query(`CREATE TABLESPACE outside LOCATION '${server.root}/space'`)
  await server.query(`CREATE TABLESPACE inside LOCATION '${server.dataDirectory}/inside'`)
  await server.query(`
    CREATE TABLE normal AS SELECT generate_series(1, 1000) AS id;
    CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY); INSERT INTO unlogged SELECT generate_series(1, 1000);
    CREATE TABLE far TABLESPACE outside AS SELECT generate_series(1, 1000) AS id;
    CREATE UNLOGGED TABLE far_unlogged (id int PRIMARY KEY) TABLESPACE outside;
    CREATE TABLE near TABLESPACE inside AS SELECT 1 AS id;
    SELECT pg_create_physical_replication_slot('slot', true)`)
  await server.query('VACUUM normal, unlogged')
  await server.query('CHECKPOINT')
  for (const file of [
    'backup_label.old',
    'postgresql.auto.conf.tmp',
    'base/pgsql_tmp_left',
    'extra file',
    'base/.DS_Store',
  ]) {
    writeFileSync(join(server.dataDirectory, file), 'x')
  }
  mkdirSync(join(server.dataDirectory, 'base/pgsql_tmp/deep'), { recursive: true })
  mkdirSync(join(server.dataDirectory, 'mine/pg_notify'), { recursive: true })
  writeFileSync(join(server.dataDirectory, 'mine/pg_notify/file'), 'x')
  symlinkSync('/etc/hostname', join(server.dataDirectory, 'linked.conf'))
  execFileSync('mkfifo', [join(server.dataDirectory, 'fifo')])
  execFileSync('chown', ['-R', String(serverUser().uid), server.dataDirectory])
}

describe('the scan of a data directory', () => {
  const basebackup = findClientTool('pg_basebackup', 15)

  test.skipIf(basebackup.path === undefined)('finds exactly what pg_basebackup takes', async () => {
    await using server = await startServer({ major: 15, build: 'debian' })
    await furnish(server)
    await using session = {
      client: await server.connect(),
      [Symbol.asyncDispose]: async () => session.client.end(),
    }
    await session.client.query('CREATE TEMP TABLE temporary AS SELECT generate_series(1, 1000) AS id')

    const copy = join(server.root, 'copy')
    execFileSync(
      requireTool(basebackup),
      [
        '-h',
        server.socketDirectory,
        '-p',
        String(server.port),
        '-U',
        'postgres',
        '-D',
        copy,
        '-X',
        'none',
        '-c',
        'fast',
        `--tablespace-mapping=${server.root}/space=${server.root}/copy-outside`,
        `--tablespace-mapping=${server.dataDirectory}/inside=${server.root}/copy-inside`,
      ],
      { stdio: 'ignore' },
    )
    const { paths, warnings } = await scan(server)

    const own = ['backup_label', 'backup_manifest', 'global/pg_control', 'tablespace_map']
    expect(paths.toSorted()).toEqual(
      listTree(copy)
        .filter(path => !own.includes(path))
        .toSorted(),
    )
    expect(warnings).toEqual([
      expect.stringMatching(/skipping (symbolic link linked\.conf to \/etc\/hostname|special file fifo)/),
      expect.stringMatching(/skipping (symbolic link linked\.conf to \/etc\/hostname|special file fifo)/),
    ])
  })

  test.each(majors)(
    'PostgreSQL %i: takes neither unlogged nor temporary data, nor slots, nor WAL',
    async major => {
      await using server = await startServer({ major })
      await furnish(server)
      const client = await server.connect()
      await client.query('CREATE TEMP TABLE temporary AS SELECT generate_series(1, 1000) AS id')
      const pathOf = async (table: string): Promise<string> =>
        String(
          (await client.query<{ path: string }>('SELECT pg_relation_filepath($1::regclass) AS path', [table]))
            .rows[0]?.path,
        )

      const { paths, items } = await scan(server)
      expect(paths).toContain(await pathOf('normal'))
      expect(paths).toContain(`${await pathOf('normal')}_vm`)
      expect(paths).toContain(await pathOf('far'))
      expect(paths).toContain(await pathOf('near'))
      expect(
        paths.filter(path => path.endsWith('/pg_wal/summaries/') || path === 'pg_wal/summaries/'),
      ).toHaveLength(major >= 17 ? 1 : 0)
      for (const table of ['unlogged', 'unlogged_pkey', 'far_unlogged_pkey']) {
        expect(paths).not.toContain(await pathOf(table))
        expect(paths).toContain(`${await pathOf(table)}_init`)
      }
      expect(paths).not.toContain(await pathOf('temporary'))
      expect(paths).not.toContain('global/pg_control')
      expect(
        paths
          .filter(path => /^(pg_wal|pg_replslot|inside|base\/pgsql_tmp)\/./.test(path))
          .every(path => path.startsWith('pg_wal/') && path.endsWith('/')),
      ).toBe(true)
      expect(items[0]).toEqual({ kind: 'directory', path: '', mode: 0o700 })
      expect(items.filter(item => item.kind === 'tablespace').map(item => item.location)).toEqual([
        `${server.root}/space`,
        `${server.dataDirectory}/inside`,
      ])
      await client.end()
    },
  )

  test('a pg_wal that is a link is taken as an empty folder', async () => {
    await using server = await startServer({ major: 16 })
    await server.stop()
    renameSync(join(server.dataDirectory, 'pg_wal'), join(server.root, 'wal'))
    symlinkSync(join(server.root, 'wal'), join(server.dataDirectory, 'pg_wal'))
    await server.start()
    const { items, warnings } = await scan(server)
    expect(items).toContainEqual({ kind: 'directory', path: 'pg_wal', mode: 0o700 })
    expect(warnings).toEqual([])
  })

  test('tablespaces in place are taken as folders', async () => {
    await using server = await startServer({ major: 16, settings: { allow_in_place_tablespaces: 'on' } })
    await server.query("CREATE TABLESPACE here LOCATION ''")
    await server.query('CREATE TABLE t TABLESPACE here AS SELECT 1 AS id')
    const { paths, items } = await scan(server)
    expect(paths).toContain(await server.value("SELECT pg_relation_filepath('t')"))
    expect(items.some(item => item.kind === 'tablespace')).toBe(false)
  })

  test('files and folders that vanish under the scan are passed over', async () => {
    await using server = await startServer({ major: 14 })
    for (let i = 0; i < 3; i++)
      mkdirSync(join(server.dataDirectory, `doomed/${String(i)}`), { recursive: true })
    for (let i = 0; i < 5000; i++) writeFileSync(join(server.dataDirectory, 'doomed/0', String(i)), '')
    const { warnings } = await scan(server, item => {
      if (item.kind === 'files' && item.directory.startsWith('doomed'))
        rmSync(join(server.dataDirectory, 'doomed'), { recursive: true })
    })
    expect(warnings).toEqual([])
  })

  test('what is no data directory is refused with a hint', async () => {
    const scanning = scanDataDirectory({ dataDirectory: '/etc', major: 15, catalogVersion: 1 }, never)
    await expect(scanning.next()).rejects.toMatchObject({
      code: 'DATA_DIRECTORY',
      hint: expect.stringContaining('host of the server') as string,
    })
  })
})
