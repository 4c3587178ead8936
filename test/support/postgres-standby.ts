/** A streaming standby of a test server, made from a copy taken between the start and the stop of a backup. */
import { execFileSync } from 'node:child_process'
import { chownSync, cpSync, readdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { serverUser, type Build } from './postgres-binaries.ts'
import { makeOwned, makeRoot, serverOn, type TestServer } from './postgres-server.ts'

export interface StandbyOptions {
  readonly build?: Build | undefined
  /** The folder in which it is made; else the system's temporary one. */
  readonly folder?: string | undefined
  readonly settings?: Readonly<Record<string, string | number | boolean>> | undefined
}

/** Copies `primary` and starts the copy as its hot standby. */
export async function startStandby(primary: TestServer, options: StandbyOptions = {}): Promise<TestServer> {
  const root = makeRoot(options.folder)
  const standby = await serverOn(root, { major: primary.major, build: options.build })
  try {
    const label = await copyUnderBackup(primary, standby.dataDirectory)
    writeOwned(join(standby.dataDirectory, 'backup_label'), label)
    writeOwned(join(standby.dataDirectory, 'standby.signal'), '')
    standby.configure({
      primary_conninfo: `host=${primary.socketDirectory} port=${String(primary.port)} user=postgres`,
      hot_standby: 'on',
      ...options.settings,
    })
    await standby.start()
    return standby
  } catch (error) {
    await standby.remove()
    throw error
  }
}

/** Waits until the standby has replayed all that the primary has written by now. */
export async function catchUp(primary: TestServer, standby: TestServer): Promise<void> {
  const lsn = await primary.value('SELECT pg_current_wal_flush_lsn()')
  for (let tries = 0; tries < 3000; tries++) {
    if ((await standby.value('SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn', [lsn])) === 'true') return
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  throw new Error(`the standby did not reach ${lsn}:\n${standby.log()}`)
}

async function copyUnderBackup(primary: TestServer, destination: string): Promise<string> {
  const session = await primary.connect()
  try {
    const old = primary.major < 15
    await session.query(
      old ? "SELECT pg_start_backup('standby', true, false)" : "SELECT pg_backup_start('standby', true)",
    )
    copyDirectory(primary.dataDirectory, destination)
    const stop = old ? 'pg_stop_backup(false, false)' : 'pg_backup_stop(false)'
    const result = await session.query<{ labelfile: string }>(`SELECT labelfile FROM ${stop}`)
    return result.rows[0]?.labelfile ?? ''
  } finally {
    await session.end()
  }
}

function copyDirectory(source: string, destination: string): void {
  // Files may vanish while cp runs; PostgreSQL replays what it missed.
  execFileSync('/bin/sh', [
    '-c',
    'cp -a "$1" "$2" 2>/dev/null; test -f "$2/global/pg_control"',
    'copy',
    source,
    destination,
  ])
  for (const name of ['postmaster.pid', 'postmaster.opts', 'standby.signal', 'recovery.signal']) {
    rmSync(join(destination, name), { force: true })
  }
  for (const name of readdirSync(join(destination, 'pg_replslot'))) {
    rmSync(join(destination, 'pg_replslot', name), { recursive: true })
  }
  moveTablespaces(destination)
}

/** Two servers on one machine can not share a tablespace: the copy gets its own beside its data directory. */
function moveTablespaces(dataDirectory: string): void {
  const folder = join(dataDirectory, 'pg_tblspc')
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isSymbolicLink()) continue
    const link = join(folder, entry.name)
    const copy = join(dataDirectory, '..', `tablespace-${entry.name}`)
    cpSync(readlinkSync(link), copy, { recursive: true, preserveTimestamps: true })
    makeOwned(copy)
    execFileSync('chown', ['-R', String(serverUser().uid), copy])
    rmSync(link)
    symlinkSync(copy, link)
  }
}

function writeOwned(path: string, text: string): void {
  writeFileSync(path, text, { mode: 0o600 })
  const { uid, gid } = serverUser()
  chownSync(path, uid, gid)
}
