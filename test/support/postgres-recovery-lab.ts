/** A cluster with a backup, an archive and a history of marked transactions, to be restored in many ways. */
import { execFileSync } from 'node:child_process'
import {
  chownSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { beginBackup } from '../../src/postgres/backup-session.ts'
import { connect } from '../../src/postgres/connection.ts'
import { readControlFile } from '../../src/postgres/control-file.ts'
import { scanDataDirectory } from '../../src/postgres/data-directory/scan.ts'
import { recoveryFiles, type RecoverySettings } from '../../src/postgres/recovery-settings.ts'
import { parseLsn } from '../../src/wal/lsn.ts'
import { parseTime, type Micros } from '../../src/wal/time.ts'
import { serverUser, type Major } from './postgres-binaries.ts'
import { startServer, type TestServer } from './postgres-server.ts'
import { until } from './until.ts'

const never = new AbortController().signal

/** A backup made of nothing but this layer: what the scan finds, pg_control last, and the label. */
export async function copyCluster(server: TestServer, copy: string): Promise<void> {
  await using connection = await connect(server.connectionString, { environment: {} }, never)
  const session = await beginBackup(connection, { label: 'test', fast: true }, never)
  const { control } = await readControlFile(server.dataDirectory)
  const options = {
    dataDirectory: server.dataDirectory,
    major: server.major,
    catalogVersion: control.catalogVersion,
  }
  const spaces: { path: string; copy: string }[] = []
  for await (const item of scanDataDirectory(options, never)) {
    if (item.kind === 'directory') mkdirSync(join(copy, item.path), { recursive: true, mode: item.mode })
    if (item.kind === 'tablespace') {
      const place = join(dirname(copy), `space-${String(item.oid)}`)
      mkdirSync(place, { mode: 0o700 })
      symlinkSync(place, join(copy, item.path))
      spaces.push({ path: item.path, copy: place })
    }
    if (item.kind === 'files')
      for (const name of item.names)
        copyFileSync(join(server.dataDirectory, item.directory, name), join(copy, item.directory, name))
  }
  writeFileSync(join(copy, 'global/pg_control'), (await readControlFile(server.dataDirectory)).bytes)
  const end = await session.end(never)
  writeFileSync(join(copy, 'backup_label'), end.labelFile)
  giveAway(dirname(copy))
}

export function giveAway(path: string): void {
  const { uid, gid } = serverUser()
  for (const entry of readdirSync(path, { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) chownSync(join(entry.parentPath, entry.name), uid, gid)
  }
  chownSync(path, uid, gid)
}

const commitTimeSql =
  "SELECT to_char(pg_xact_commit_timestamp($1::xid) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || 'Z'"

/** What a row of the source's table knows of its own commit. */
export interface Mark {
  readonly id: number
  readonly xid: bigint
  readonly lsn: bigint
  readonly time: Micros
}

export interface Source {
  readonly server: TestServer
  readonly copy: string
  readonly marks: readonly Mark[]
}

export async function makeSource(major: Major): Promise<Source> {
  const server = await startServer({
    major,
    archiveCommand: true,
    walSegmentSizeMb: 1,
    settings: { track_commit_timestamp: 'on' },
  })
  const copy = join(server.root, 'backup/data')
  mkdirSync(copy, { recursive: true, mode: 0o700 })
  mkdirSync(join(server.root, 'space'))
  giveAway(join(server.root, 'space'))
  await server.query(`CREATE TABLESPACE space LOCATION '${server.root}/space'`)
  await server.query(
    'CREATE TABLE marks (id int) TABLESPACE space; CREATE UNLOGGED TABLE gone (id int); INSERT INTO gone VALUES (1)',
  )
  await copyCluster(server, copy)
  const marks: Mark[] = []
  for (let id = 1; id <= 5; id++) {
    const [row] = await server.query<{ xid: string }>(
      'INSERT INTO marks VALUES ($1) RETURNING pg_current_xact_id()::text AS xid',
      [id],
    )
    const lsn = parseLsn(await server.value('SELECT pg_current_wal_lsn()')) ?? 0n
    const time = parseTime(await server.value(commitTimeSql, [row?.xid])) ?? 0
    await server.query('SELECT pg_create_restore_point($1)', [`point-${String(id)}`])
    marks.push({ id, xid: BigInt(row?.xid ?? 0), lsn, time })
  }
  const last = await server.value('SELECT pg_walfile_name(pg_switch_wal())')
  await until(`${last} is archived`, () => readdirSync(server.archiveDirectory).includes(last))
  return { server, copy, marks }
}

let restores = 0

/** A fresh copy of the backup, with recovery settings written. */
export function restore({ server, copy }: Source, change: Partial<RecoverySettings>): string {
  const target = join(server.root, `restore-${String(++restores)}`)
  execFileSync('cp', ['-a', dirname(copy), target])
  const data = join(target, 'data')
  for (const oid of readdirSync(join(data, 'pg_tblspc'))) {
    const link = join(data, 'pg_tblspc', oid)
    const place = join(target, basename(readlinkSync(link)))
    rmSync(link)
    symlinkSync(place, link)
  }
  const settings: RecoverySettings = {
    target: { kind: 'latest' },
    timeline: 'latest',
    action: 'promote',
    archiving: false,
    standby: undefined,
    restoreCommand: `cp "${server.archiveDirectory}/%f" "%p"`,
    ...change,
  }
  const files = recoveryFiles(readFileSync(join(data, 'postgresql.auto.conf'), 'utf8'), settings, 'test')
  writeFileSync(join(data, 'postgresql.auto.conf'), files.autoConf)
  writeFileSync(join(data, files.signal), '')
  rmSync(join(data, files.otherSignal), { force: true })
  giveAway(target)
  return data
}
