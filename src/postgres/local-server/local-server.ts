/**
 * Runs a server on a restored data directory: as the user that the directory belongs to, with its log in our sight.
 *
 * The server is a process of its own. It goes on when this process ends after `release`, and is stopped by `stop`
 * or at the end of an `await using`.
 */
import type { ChildProcess } from 'node:child_process'
import { chown, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { World } from '../../base/world.ts'
import type { Environment } from '../connection-string.ts'
import { readPostmasterFile, refuseIfInUse } from '../data-directory-lock.ts'
import type { ServerPrograms } from '../tools.ts'
import { generateFiles } from './generate-files.ts'
import { LogTail } from './log-tail.ts'
import { ownerOf, runAs } from './owner.ts'
import { spawnServer } from './spawn-server.ts'
import { followedLog, generatedFiles, privateSettings, type Settings } from './start-settings.ts'

export interface LocalServerOptions {
  readonly dataDirectory: string
  readonly programs: ServerPrograms
  /** For the log, generated configuration, and the socket of a private server. Made if it is not there. */
  readonly runDirectory: string
  /** `private`: reachable by us alone, over a socket in `runDirectory`. `configured`: as its configuration says. */
  readonly reach: 'private' | 'configured'
  /**
   * Whether reads are answered during recovery; pausing at the target needs it. Without it, replay is never held up
   * because the original had higher settings.
   */
  readonly hotStandby: boolean
  /** A private server archives nothing, unless it is to be opened: then as configured, for its timeline's history may be needed. */
  readonly archives?: boolean | undefined
  /** Win over everything else. */
  readonly settings?: Settings | undefined
  /** The role and database for `connectionString`. */
  readonly user?: string | undefined
  readonly database?: string | undefined
  /** For restore_command: PATH and what it needs. */
  readonly environment: Environment
}

export interface LocalServer extends AsyncDisposable {
  readonly pid: number
  readonly dataDirectory: string
  readonly logFile: string
  readonly log: LogTail
  /** Undefined while it runs; else how it ended. */
  readonly ended: string | undefined
  /** Undefined when it listens on no Unix socket. Meaningful once the server accepts connections. */
  connectionString(): Promise<string | undefined>
  /** A fast shutdown; an immediate one when that takes too long, or when nobody needs what it would still write. */
  stop(how?: 'fast' | 'immediate'): Promise<void>
  /** From now on the server lives its own life. */
  release(): void
}

/** Returns when the process runs; `followRecovery` waits for more. */
export async function startLocalServer(
  options: LocalServerOptions,
  world: World,
  signal: AbortSignal,
): Promise<LocalServer> {
  const { dataDirectory, runDirectory } = options
  await refuseIfInUse(dataDirectory)
  const owner = await ownerOf(dataDirectory)
  const as = await runAs(owner, dataDirectory)
  await mkdir(runDirectory, { recursive: true, mode: 0o700 })
  if (process.getuid?.() === 0) await chown(runDirectory, owner.userId, owner.groupId)
  const socketDirectory = shortEnough(runDirectory)
  const settings = {
    // Always: a restored postgresql.conf may name the directory of the original.
    data_directory: dataDirectory,
    hot_standby: options.hotStandby ? 'on' : 'off',
    ...followedLog,
    ...(await generateFiles({ ...options, owner })),
    ...(options.reach === 'private' ? privateSettingsIn(socketDirectory, options) : {}),
    ...options.settings,
  }
  const logFile = join(runDirectory, 'server.log')
  const log = await LogTail.open(logFile)
  try {
    const { environment, programs } = options
    const child = await spawnServer(
      { postgres: programs.postgres, dataDirectory, settings, as, environment, logFile },
      signal,
    )
    return new RunningServer(options, child, logFile, log, world)
  } catch (error) {
    await log.close()
    throw error
  }
}

const privatePort = 5432

function privateSettingsIn(
  socketDirectory: string,
  { runDirectory, programs, archives = false }: LocalServerOptions,
): Settings {
  const listening = { socketDirectory, port: privatePort }
  return {
    ...privateSettings(listening, generatedFiles(runDirectory), programs.major),
    ...(archives ? {} : { archive_mode: 'off' }),
  }
}

class RunningServer implements LocalServer {
  readonly #options: LocalServerOptions
  readonly #child: ChildProcess
  readonly #world: World
  readonly pid: number
  readonly logFile: string
  readonly log: LogTail
  #released = false

  constructor(options: LocalServerOptions, child: ChildProcess, logFile: string, log: LogTail, world: World) {
    this.#options = options
    this.#child = child
    this.#world = world
    this.pid = child.pid ?? 0
    this.logFile = logFile
    this.log = log
  }

  get dataDirectory(): string {
    return this.#options.dataDirectory
  }

  get ended(): string | undefined {
    if (this.#child.signalCode !== null) return this.#child.signalCode
    return this.#child.exitCode === null ? undefined : `status ${String(this.#child.exitCode)}`
  }

  async connectionString(): Promise<string | undefined> {
    const file = await readPostmasterFile(this.dataDirectory)
    if (file?.socketDirectory === undefined || file.port === undefined) return undefined
    const { user = 'postgres', database = 'postgres' } = this.#options
    const query = new URLSearchParams({
      host: file.socketDirectory,
      port: String(file.port),
      user,
      dbname: database,
    })
    return `postgresql:///?${query.toString().replaceAll('+', '%20')}`
  }

  async stop(how: 'fast' | 'immediate' = 'fast'): Promise<void> {
    if (this.ended === undefined) this.#child.kill(how === 'fast' ? 'SIGINT' : 'SIGQUIT')
    if (!(await this.#endsWithin(limits.serverStopMsMax))) this.#child.kill('SIGQUIT')
    await this.#endsWithin(limits.serverStopMsMax)
    await this.log.close()
  }

  async #endsWithin(durationMs: number): Promise<boolean> {
    const until = this.#world.clock.monotonicMs() + durationMs
    while (this.ended === undefined && this.#world.clock.monotonicMs() < until) {
      await this.#world.clock.sleep(limits.serverEndPollMs, new AbortController().signal)
    }
    return this.ended !== undefined
  }

  release(): void {
    this.#released = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#released) await this.log.close()
    else await this.stop()
  }
}

/** The path of a Unix socket has at most 107 bytes. */
function shortEnough(directory: string): string {
  if (Buffer.byteLength(`${directory}/.s.PGSQL.${String(privatePort)}`) <= 107) return directory
  throw new Fault('SERVER_START', `the path ${directory} is too long for a Unix socket`, {
    hint: 'Use a run directory with a shorter path.',
  })
}
