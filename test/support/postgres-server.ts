/**
 * Throw-away PostgreSQL servers for tests.
 *
 * Each lives in its own temporary folder, listens on a Unix socket in it, and ends with `await using`, with
 * `remove()`, or at the latest when the process that started it dies: a small shell process watches for that.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { Socket, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { binDirectory, serverUser, type Major } from './postgres-binaries.ts'
import { makeCluster, type ClusterOptions } from './postgres-cluster.ts'
import { folderOfServers } from './server-folder.ts'

export interface ServerOptions extends ClusterOptions {
  /** Sets archive_mode and archive_command. `true`: copies into `archiveDirectory`. */
  readonly archiveCommand?: string | true | undefined
  /** Lines of postgresql.conf. */
  readonly settings?: Readonly<Record<string, string | number | boolean>> | undefined
  /** Lines of pg_hba.conf, put before the ones that trust everybody. */
  readonly hba?: readonly string[] | undefined
  /** The folder in which everything is made; else the one of the run, or the system's temporary one. */
  readonly folder?: string | undefined
  /** Done with the server's own folder before `data` is filled: makes it a volume. */
  readonly prepare?: ((root: string) => void) | undefined
  /** Listens on 127.0.0.1 too. */
  readonly tcp?: boolean | undefined
}

export type Row = Readonly<Record<string, unknown>>

export interface TestServer extends AsyncDisposable {
  readonly major: Major
  readonly binDirectory: string
  /** The temporary folder that holds everything; tests may put their own things into it. */
  readonly root: string
  readonly dataDirectory: string
  readonly socketDirectory: string
  readonly archiveDirectory: string
  readonly port: number
  /** As the superuser, over the socket. */
  readonly connectionString: string
  /** Pid of the postmaster; undefined while stopped. */
  readonly pid: number | undefined
  /** One statement (or several without parameters) on a connection of its own. */
  query<T extends Row = Row>(sql: string, parameters?: readonly unknown[]): Promise<T[]>
  /** The first column of the first row, as text. */
  value(sql: string, parameters?: readonly unknown[]): Promise<string>
  /** A connection of its own, for sessions. The caller ends it. */
  connect(database?: string): Promise<pg.Client>
  start(): Promise<void>
  stop(mode?: 'fast' | 'immediate'): Promise<void>
  restart(mode?: 'fast' | 'immediate'): Promise<void>
  /** SIGKILL to the postmaster and every backend, as a power cut would end them. */
  kill9(): Promise<void>
  /** Adds settings to postgresql.conf; `restart` or `pg_reload_conf()` makes them count. */
  configure(settings: Readonly<Record<string, string | number | boolean>>): void
  /** All that the server has logged. */
  log(): string
  /** Stops the server and removes its folder. */
  remove(): Promise<void>
}

/** Makes a cluster and starts it. */
export async function startServer(options: ServerOptions): Promise<TestServer> {
  const root = makeRoot(options.folder)
  options.prepare?.(root)
  try {
    await makeCluster(join(root, 'data'), options)
    const server = await serverOn(root, options)
    server.configure(baseSettings(options, root))
    if (options.hba) prependHba(server.dataDirectory, options.hba)
    await server.start()
    return server
  } catch (error) {
    rmSync(root, { recursive: true, force: true })
    throw error
  }
}

/** A temporary folder that the user of the servers owns. */
export function makeRoot(folder: string = folderOfServers()): string {
  // Short on purpose: the path of a socket may have at most 107 bytes.
  const root = mkdtempSync(join(folder, 'hf-pg-'))
  for (const folder of ['', 'socket', 'archive']) makeOwned(join(root, folder))
  return root
}

/** A server on a data directory that is at `<root>/data` already; not started. */
export async function serverOn(root: string, options: ServerOptions): Promise<TestServer> {
  const port = options.tcp ? await freePort() : 5432
  return new Server(root, port, options)
}

class Server implements TestServer {
  readonly major: Major
  readonly binDirectory: string
  readonly root: string
  readonly port: number
  #child: ChildProcess | undefined
  #watchdog: ChildProcess | undefined
  readonly #tcp: boolean

  constructor(root: string, port: number, options: ServerOptions) {
    this.root = root
    this.port = port
    this.major = options.major
    this.binDirectory = binDirectory(options.major, options.build)
    this.#tcp = options.tcp ?? false
    this.#watchdog = startWatchdog(this.dataDirectory, root)
  }

  get dataDirectory(): string {
    return join(this.root, 'data')
  }

  get socketDirectory(): string {
    return join(this.root, 'socket')
  }

  get archiveDirectory(): string {
    return join(this.root, 'archive')
  }

  get connectionString(): string {
    return `postgresql://postgres@/postgres?host=${encodeURIComponent(this.socketDirectory)}&port=${String(this.port)}`
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  async connect(database = 'postgres'): Promise<pg.Client> {
    const client = new pg.Client({ host: this.socketDirectory, port: this.port, user: 'postgres', database })
    client.on('error', () => undefined) // A server that is stopped under a connection is what some tests are about.
    await client.connect()
    return client
  }

  async query<T extends Row>(sql: string, parameters: readonly unknown[] = []): Promise<T[]> {
    const client = await this.connect()
    try {
      const result = await client.query<T>(sql, parameters.length > 0 ? [...parameters] : undefined)
      return result.rows
    } finally {
      await client.end()
    }
  }

  async value(sql: string, parameters: readonly unknown[] = []): Promise<string> {
    const [row] = await this.query(sql, parameters)
    return String(Object.values(row ?? {})[0])
  }

  async start(): Promise<void> {
    const log = openSync(join(this.root, 'log'), 'a', 0o644)
    const listen = this.#tcp ? '127.0.0.1' : ''
    const { uid, gid } = serverUser()
    const child = spawn(
      join(this.binDirectory, 'postgres'),
      [
        '-D',
        this.dataDirectory,
        '-k',
        this.socketDirectory,
        '-p',
        String(this.port),
        '-c',
        `listen_addresses=${listen}`,
      ],
      {
        uid,
        gid,
        cwd: this.root,
        stdio: ['ignore', log, log],
        detached: true,
        env: { PATH: process.env['PATH'] },
      },
    )
    closeSync(log)
    child.unref()
    this.#child = child
    await this.#ready(child)
  }

  async #ready(child: ChildProcess): Promise<void> {
    for (let waitedMs = 0; waitedMs < 60_000; waitedMs += 20) {
      if (child.exitCode !== null || child.signalCode !== null) break
      if (/^(ready|standby)/.test(this.#postmasterLine(7)) && this.#postmasterLine(0) === String(child.pid))
        return
      await delay(20)
    }
    await this.stop('immediate')
    throw new Error(`PostgreSQL ${String(this.major)} did not start:\n${this.log()}`)
  }

  #postmasterLine(index: number): string {
    try {
      return readFileSync(join(this.dataDirectory, 'postmaster.pid'), 'utf8').split('\n')[index] ?? ''
    } catch {
      return ''
    }
  }

  async stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    await this.#end(mode === 'fast' ? 'SIGINT' : 'SIGQUIT')
  }

  async restart(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    await this.stop(mode)
    await this.start()
  }

  async kill9(): Promise<void> {
    const backends = childrenOf(this.#child?.pid)
    await this.#end('SIGKILL')
    for (const pid of backends) killQuietly(pid)
    while (backends.some(isAlive)) await delay(5)
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise(resolve => child.once('exit', resolve))
    child.ref()
    child.kill(signal)
    await ended
  }

  configure(settings: Readonly<Record<string, string | number | boolean>>): void {
    const lines = Object.entries(settings).map(
      ([name, value]) => `${name} = '${String(value).replaceAll("'", "''")}'\n`,
    )
    writeFileSync(join(this.dataDirectory, 'postgresql.conf'), lines.join(''), { flag: 'a' })
  }

  log(): string {
    try {
      return readFileSync(join(this.root, 'log'), 'utf8')
    } catch {
      return ''
    }
  }

  async remove(): Promise<void> {
    await this.stop('immediate')
    await removeFolder(this.root)
    // Last, so that it finishes the work if we are killed in the midst of it.
    this.#watchdog?.kill('SIGKILL')
    this.#watchdog = undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove()
  }
}

/**
 * Until it is gone: `rmSync` gives up half-way, without a word, when something else deletes in there at the same time. A
 * helper that fetched WAL ahead does, in the last moments of its life.
 */
async function removeFolder(path: string): Promise<void> {
  for (let tries = 0; existsSync(path); tries++) {
    if (tries > 200) throw new Error(`${path} does not go away`)
    if (tries > 0) await delay(20)
    try {
      rmSync(path, { recursive: true, force: true })
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOTEMPTY')) throw error
    }
  }
}

/** $1: the data directory; $2: the folder to remove. */
const watchdogScript = `
  cat >/dev/null
  pid=$(head -n 1 "$1/postmaster.pid" 2>/dev/null)
  [ -n "$pid" ] && kill -QUIT "$pid" 2>/dev/null
  for i in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$pid" 2>/dev/null || break; sleep 0.5; done
  for i in 1 2 3 4 5 6 7 8 9 10; do rm -rf "$2" && exit; sleep 1; done`

/** Ends the server and removes its folder when this process is gone, however it went: its pipe then closes. */
export function startWatchdog(dataDirectory: string, root: string): ChildProcess {
  const child = spawn('/bin/sh', ['-c', watchdogScript, 'watchdog', dataDirectory, root], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    cwd: '/',
  })
  child.unref()
  // The pipe must not keep this process alive either.
  if (child.stdin instanceof Socket) child.stdin.unref()
  return child
}

function baseSettings(options: ServerOptions, root: string): Record<string, string | number | boolean> {
  // By rename: tests look at what lies there, and half a segment is none.
  const place = `"${root}/archive/%f"`
  const copy = `test ! -f ${place} && cp "%p" "${root}/archive.part" && mv "${root}/archive.part" ${place}`
  const command = options.archiveCommand === true ? copy : options.archiveCommand
  return {
    fsync: 'off', // A power cut during a test loses nothing that matters.
    shared_buffers: '32MB',
    max_connections: 50,
    wal_level: 'replica',
    log_min_messages: 'info',
    log_line_prefix: '%m [%p] ',
    timezone: 'UTC',
    // What is restored from it is started by its own settings, and the usual port may be somebody's.
    listen_addresses: '',
    ...(command === undefined ? {} : { archive_mode: 'on', archive_command: command }),
    ...options.settings,
  }
}

function prependHba(dataDirectory: string, lines: readonly string[]): void {
  const path = join(dataDirectory, 'pg_hba.conf')
  writeFileSync(path, `${lines.join('\n')}\n${readFileSync(path, 'utf8')}`)
}

/** Makes a folder that the user of the servers owns. */
export function makeOwned(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o755 })
  const { uid, gid } = serverUser()
  chownSync(path, uid, gid)
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>(resolve => probe.listen(0, '127.0.0.1', resolve))
  const address = probe.address()
  await new Promise(resolve => probe.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}

function childrenOf(pid: number | undefined): number[] {
  if (pid === undefined) return []
  return readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8')
    .split(' ')
    .filter(Boolean)
    .map(Number)
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Gone already.
  }
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))
  } catch {
    return false
  }
}
