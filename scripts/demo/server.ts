/** The throw-away PostgreSQL. */
import { spawn } from 'node:child_process'
import { appendFileSync, closeSync, globSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { environmentOf, runProgram } from './programs.ts'
import { postmasterFiles, type Stage } from './stage.ts'

export const port = 5432

/** A copy that is restored comes up with the same settings, finds this socket taken, and takes a private one. */
const settings = (stage: Stage): string => `
# Of the demo:
listen_addresses = ''
port = ${String(port)}
unix_socket_directories = '${stage.at('socket')}'
shared_buffers = '128MB'
max_wal_size = '512MB'
log_statement = 'ddl'
log_timezone = 'UTC'
timezone = 'UTC'
# So that the demo can ask the original which payment was committed when.
track_commit_timestamp = on
`

export async function makeCluster(stage: Stage, signal: AbortSignal): Promise<void> {
  const args = [
    '-D',
    stage.at('data'),
    '-U',
    'postgres',
    '-A',
    'trust',
    '-E',
    'UTF8',
    '--locale=C',
    '--data-checksums',
  ]
  const initdb = await runProgram(stage, join(stage.binDirectory, 'initdb'), args, signal)
  if (initdb.status !== 0) throw new Error(`initdb failed:\n${initdb.out}${initdb.err}`)
  appendFileSync(stage.at('data', 'postgresql.conf'), settings(stage))
}

export async function startServer(stage: Stage, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const log = openSync(logFile(stage), 'a', 0o644)
  const { uid, gid } = stage.account
  const child = spawn(join(stage.binDirectory, 'postgres'), ['-D', stage.at('data')], {
    uid,
    gid,
    cwd: stage.folder,
    env: environmentOf(stage),
    stdio: ['ignore', log, log],
    // Ctrl-C is for us alone: we stop the server when we are done with it.
    detached: true,
  })
  closeSync(log)
  child.unref()
  child.once('error', () => undefined) // Then it does not get ready, either.
  for (let waitedMs = 0; waitedMs < 60_000; waitedMs += 50) {
    if (child.exitCode !== null || child.pid === undefined) break
    const lines = readLines(stage.at('data', 'postmaster.pid'))
    if (lines[0] === String(child.pid) && lines[7]?.trim() === 'ready') return
    await delay(50, undefined, { signal })
  }
  throw new Error(`PostgreSQL did not start:\n${readLines(logFile(stage)).slice(-20).join('\n')}`)
}

/** Orderly first, and at once when that takes too long. */
export async function stopServer(dataDirectory: string): Promise<void> {
  const pidFile = join(dataDirectory, 'postmaster.pid')
  const pid = Number(readLines(pidFile)[0])
  if (!(pid > 1)) return
  for (const [how, patienceMs] of [
    ['SIGINT', 10_000],
    ['SIGQUIT', 10_000],
    ['SIGKILL', 1000],
  ] as const) {
    try {
      process.kill(pid, how)
    } catch {
      return
    }
    for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += 50) {
      if (readLines(pidFile)[0] !== String(pid)) return
      await delay(50)
    }
  }
}

/** The original, and the copies that were restored. */
export async function stopAllServers(stage: Stage): Promise<void> {
  const found = globSync(stage.at(postmasterFiles))
  await Promise.all(found.map(path => stopServer(join(path, '..'))))
}

export type Database = pg.Client & AsyncDisposable

export async function connect(connectionString: string): Promise<Database> {
  const client = new pg.Client({ connectionString })
  client.on('error', () => undefined) // The next statement says it.
  await client.connect()
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() })
}

export function connectionString(stage: Stage): string {
  return `postgresql://postgres@/postgres?host=${stage.at('socket')}`
}

export const logFile = (stage: Stage): string => stage.at('server.log')

export function readLines(path: string): readonly string[] {
  try {
    return readFileSync(path, 'utf8').split('\n')
  } catch {
    return []
  }
}
