/**
 * A PostgreSQL server on a data directory that stays from run to run: Debian's PostgreSQL 15, on a Unix socket.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { binDirectory, serverUser } from '../test/support/postgres-binaries.ts'
import { run, type Command, type RunAs } from './measure.ts'

export interface Cluster {
  readonly root: string
  readonly dataDirectory: string
  readonly socketDirectory: string
  readonly port: number
  readonly connectionString: string
  readonly as: RunAs
}

const bin = binDirectory(15, 'debian')
const port = 5499

export function clusterAt(root: string): Cluster {
  makeOwned(root)
  const socketDirectory = join(root, 'socket')
  makeOwned(socketDirectory)
  return {
    root,
    dataDirectory: join(root, 'data'),
    socketDirectory,
    port,
    connectionString: `postgresql://postgres@/postgres?host=${encodeURIComponent(socketDirectory)}&port=${String(port)}`,
    as: runAs(root),
  }
}

/** PostgreSQL refuses root, and both tools read the data directory as its owner. */
export function runAs(directory: string): RunAs {
  const { uid, gid } = serverUser()
  return { uid, gid, directory }
}

export function makeOwned(directory: string): void {
  mkdirSync(directory, { recursive: true })
  const { uid, gid } = serverUser()
  chownSync(directory, uid, gid)
}

export async function initdb(cluster: Cluster): Promise<void> {
  const args = [
    '-D',
    cluster.dataDirectory,
    '-U',
    'postgres',
    '-A',
    'trust',
    '-E',
    'UTF8',
    '--locale=C.UTF-8',
    '--data-checksums',
    '--no-sync',
  ]
  await run({ program: join(bin, 'initdb'), args }, cluster.as)
}

export type Settings = Readonly<Record<string, string | number>>

/** While the data are made: nothing is at stake yet. */
export const loadSettings: Settings = {
  fsync: 'off',
  wal_level: 'minimal',
  max_wal_senders: 0,
  max_wal_size: '20GB',
  max_locks_per_transaction: 4096,
  autovacuum: 'off',
  shared_buffers: '1GB',
  maintenance_work_mem: '512MB',
  archive_mode: 'off',
}

/** While the tools work. Without autovacuum, which would change files between runs. */
export const runSettings: Settings = {
  fsync: 'on',
  wal_level: 'replica',
  max_wal_senders: 4,
  max_wal_size: '4GB',
  autovacuum: 'off',
  shared_buffers: '256MB',
  checkpoint_timeout: '1h',
  archive_mode: 'on',
}

/** Runs `work` on the started server. */
export async function withServer<T>(
  cluster: Cluster,
  settings: Settings,
  work: () => Promise<T>,
): Promise<T> {
  await stopServer(cluster) // One that an earlier bench left behind when it was killed.
  setArchiver(cluster, undefined)
  writeSettings(cluster, { ...settings, archive_command: `"${archiverPath(cluster)}" "%p"` })
  await run(pgCtl(cluster, ['start', '-w', '-t', '300', '-l', join(cluster.root, 'server.log')]), cluster.as)
  const stopAtOnce = (): void => {
    stopServerSync(cluster)
  }
  process.once('exit', stopAtOnce)
  try {
    return await work()
  } finally {
    process.off('exit', stopAtOnce)
    await stopServer(cluster)
  }
}

/** pgBackRest refuses an archive_command that does not hold its name. */
const archiverPath = (cluster: Cluster): string => join(cluster.root, 'archive-to-pgbackrest-or-holdfast')

/**
 * The tool that archives from now on; undefined: nobody, segments are thrown away. So that each tool waits only for
 * its own archiving, the one measured is the only one that archives.
 */
export function setArchiver(cluster: Cluster, push: ((path: string) => Command) | undefined): void {
  const words = push === undefined ? [] : [push('%p')].flatMap(({ program, args }) => [program, ...args])
  const line = words.map(word => (word === '%p' ? '"$1"' : `'${word}'`)).join(' ')
  const path = archiverPath(cluster)
  writeFileSync(`${path}.new`, `#!/bin/sh\n${line === '' ? 'exit 0' : `exec ${line}`}\n`)
  chmodSync(`${path}.new`, 0o755)
  renameSync(`${path}.new`, path)
}

/** Ends the current segment and returns once it and all before it are archived. */
export async function archiveAll(cluster: Cluster): Promise<void> {
  await query(cluster, `select pg_create_restore_point('bench')`)
  const last = await query(cluster, 'select pg_walfile_name(pg_switch_wal())')
  await query(
    cluster,
    `do $$ begin
    for i in 1 .. 6000 loop
      perform pg_stat_clear_snapshot();
      if (select left(last_archived_wal, 24) from pg_stat_archiver) >= '${last}' then return; end if;
      perform pg_sleep(0.1);
    end loop;
    raise '% was not archived: %', '${last}', (select last_failed_wal from pg_stat_archiver);
  end $$`,
  )
}

export async function query(cluster: Cluster, sql: string, database = 'postgres'): Promise<string> {
  return (
    await run(
      client(cluster, 'psql', ['-X', '-q', '-t', '-A', '-v', 'ON_ERROR_STOP=1', '-d', database, '-c', sql]),
      cluster.as,
    )
  ).trim()
}

/** psql, pgbench and the like, on this server. */
export function client(cluster: Cluster, program: string, args: readonly string[]): Command {
  const env = {
    PGHOST: cluster.socketDirectory,
    PGPORT: String(cluster.port),
    PGUSER: 'postgres',
    PGOPTIONS: '-c client_min_messages=warning',
  }
  return { program: join(bin, program), args, env }
}

function writeSettings(cluster: Cluster, settings: Settings): void {
  const all: Settings = {
    ...settings,
    unix_socket_directories: cluster.socketDirectory,
    listen_addresses: '',
    port: cluster.port,
    max_connections: 30,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name} = '${String(value)}'\n`)
  writeFileSync(join(cluster.dataDirectory, 'postgresql.auto.conf'), lines.join(''))
}

function pgCtl(cluster: Cluster, args: readonly string[]): Command {
  return { program: join(bin, 'pg_ctl'), args: ['-D', cluster.dataDirectory, '-s', ...args] }
}

async function stopServer(cluster: Cluster): Promise<void> {
  if (!existsSync(join(cluster.dataDirectory, 'postmaster.pid'))) return
  await run(pgCtl(cluster, ['stop', '-w', '-m', 'fast', '-t', '300']), cluster.as)
}

function stopServerSync(cluster: Cluster): void {
  const { program, args } = pgCtl(cluster, ['stop', '-w', '-m', 'immediate'])
  execFileSync(program, args, {
    uid: cluster.as.uid,
    gid: cluster.as.gid,
    cwd: cluster.root,
    stdio: 'ignore',
  })
}
