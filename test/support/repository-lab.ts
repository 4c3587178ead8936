/**
 * A laboratory: a fresh cluster, a configuration, a folder repository, and an archive_command that is bin/holdfast.
 * Everything lies in the server's own temporary folder, belongs to the user of the server, and goes with it.
 */
import { execFileSync } from 'node:child_process'
import { chownSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { BackupRecord } from '../../src/repository/format/backup-record.ts'
import {
  describeRun,
  jsonOf,
  launcher,
  startHoldfast,
  type Run,
  type RunOptions,
  type Running,
} from './holdfast.ts'
import { serverUser } from './postgres-binaries.ts'
import { makeOwned, startServer, type ServerOptions, type TestServer } from './postgres-server.ts'
import { until } from './until.ts'

export interface LabOptions extends Omit<ServerOptions, 'archiveCommand'> {
  /** Encrypted unless told otherwise. */
  readonly encryption?: 'age' | 'none' | undefined
  /** Where the repository is; a folder of the server's root unless told otherwise. */
  readonly repositoryDirectory?: string | undefined
  /** The repositories, when they are others than the one folder `main`; each may use what the lab encrypts with. */
  readonly repositories?:
    ((encryption: unknown) => Readonly<Record<string, Readonly<Record<string, unknown>>>>) | undefined
  /** What every command is given, and the server's archiver. */
  readonly environment?: Readonly<Record<string, string>> | undefined
  /** Merged into the configuration. */
  readonly config?: Readonly<Record<string, unknown>> | undefined
}

/** What the tests have to do with of a configuration file. */
export interface LabConfig extends Readonly<Record<string, unknown>> {
  readonly repositories: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

export interface Lab extends AsyncDisposable {
  readonly server: TestServer
  readonly cluster: string
  readonly configPath: string
  readonly identityPath: string
  readonly repositoryDirectory: string
  readonly config: LabConfig
  /** With which the server archives. */
  readonly archiveCommand: string
  /** Runs `holdfast --config … ARGS` to its end, whatever that is. */
  run(args: readonly string[], options?: RunOptions): Promise<Run>
  /** The same, and fails the test unless the status is 0. */
  ok(args: readonly string[], options?: RunOptions): Promise<Run>
  /** `ok` with --json. */
  json<T>(args: readonly string[]): Promise<T>
  start(args: readonly string[], options?: RunOptions): Running
  backup(args?: readonly string[]): Promise<BackupRecord>
  /** Ends the current segment and waits until all WAL up to here is in the repository. */
  archiveAll(): Promise<void>
  /** Writes a file that belongs to the user of the server. */
  write(path: string, content: string | Uint8Array): void
  /** Writes another configuration beside the lab's and returns its path. */
  writeConfig(name: string, changes: Readonly<Record<string, unknown>>): string
  /** Writes another configuration whose repository is changed by `change`. */
  writeRepositoryConfig(name: string, change: Readonly<Record<string, unknown>>): string
}

export async function openLab(options: LabOptions): Promise<Lab> {
  const server = await startServer({ ...options, archiveCommand: '' })
  try {
    const lab = new RepositoryLab(server, options)
    await lab.ok(['init', '--yes'])
    server.configure({ archive_command: lab.archiveCommand })
    await server.query('SELECT pg_reload_conf()')
    return lab
  } catch (error) {
    await server.remove()
    throw error
  }
}

class RepositoryLab implements Lab {
  readonly server: TestServer
  readonly cluster = 'lab'
  readonly configPath: string
  readonly identityPath: string
  readonly repositoryDirectory: string
  readonly config: LabConfig
  readonly #environment: Readonly<Record<string, string>>

  constructor(server: TestServer, options: LabOptions) {
    this.server = server
    this.#environment = options.environment ?? {}
    this.identityPath = join(server.root, 'identity.txt')
    this.repositoryDirectory = options.repositoryDirectory ?? join(server.root, 'repository')
    makeOwned(this.repositoryDirectory)
    const encryption = this.#encryption(options.encryption)
    this.config = {
      cluster: this.cluster,
      postgres: { connection: server.connectionString, bin_directory: server.binDirectory },
      repositories: options.repositories?.(encryption) ?? {
        main: { url: `file://${this.repositoryDirectory}`, encryption },
      },
      ...options.config,
    }
    this.configPath = this.writeConfig('holdfast.yaml', {})
  }

  get archiveCommand(): string {
    const settings = Object.entries(this.#environment).map(([name, value]) => `${name}=${value} `)
    return `${settings.join('')}${launcher()} --config ${this.configPath} wal push %p`
  }

  /** The key pair is made by another program, so that the file is as age users have it, comments and all. */
  #encryption(kind: 'age' | 'none' = 'age'): unknown {
    if (kind === 'none') return 'none'
    const identity = execFileSync('age-keygen', { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    const recipient = /public key: (age1\S+)/.exec(identity)?.[1]
    this.write(this.identityPath, identity)
    return { recipients: [recipient], identity: { file: this.identityPath } }
  }

  writeConfig(name: string, changes: Readonly<Record<string, unknown>>): string {
    const path = join(this.server.root, name)
    this.write(path, stringify({ ...this.config, ...changes }))
    return path
  }

  writeRepositoryConfig(name: string, change: Readonly<Record<string, unknown>>): string {
    return this.writeConfig(name, {
      repositories: { main: { ...this.config.repositories['main'], ...change } },
    })
  }

  write(path: string, content: string | Uint8Array): void {
    const { uid, gid } = serverUser()
    writeFileSync(path, content, { mode: 0o600 })
    chownSync(path, uid, gid)
  }

  start(args: readonly string[], options: RunOptions = {}): Running {
    const configured = args.includes('--config') ? args : ['--config', this.configPath, ...args]
    const environment = { ...this.#environment, ...options.environment }
    return startHoldfast(configured, { cwd: this.server.root, ...options, environment })
  }

  run(args: readonly string[], options: RunOptions = {}): Promise<Run> {
    return this.start(args, options).ended
  }

  async ok(args: readonly string[], options: RunOptions = {}): Promise<Run> {
    const run = await this.run(args, options)
    if (run.status !== 0) throw new Error(`${describeRun(run)}\n${tail(this.server.log())}`)
    return run
  }

  async json<T>(args: readonly string[]): Promise<T> {
    return jsonOf<T>(await this.ok([...args, '--json']))
  }

  backup(args: readonly string[] = []): Promise<BackupRecord> {
    return this.json<BackupRecord>(['backup', ...args])
  }

  async archiveAll(): Promise<void> {
    const segment = await this.server.value('SELECT pg_walfile_name(pg_switch_wal())')
    await until(`${segment} is archived`, () => archivedAtLeast(this.server, segment))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.remove()
  }
}

/** `.ready` files are archived in order but for history files, so the last archived name tells. */
async function archivedAtLeast(server: TestServer, segment: string): Promise<boolean> {
  const last = await server.value(
    "SELECT coalesce(max(last_archived_wal), '') FROM pg_stat_archiver WHERE last_archived_wal ~ '^[0-9A-F]{24}'",
  )
  return last.slice(0, 24) >= segment
}

/** The server's log at the time of a failure. */
export const tail = (log: string): string => log.split('\n').slice(-30).join('\n')

export function readText(path: string): string {
  return readFileSync(path, 'utf8')
}
