/** What a command is given to do its work with. compose.ts makes it; tests make their own. */
import type { Facts } from '../audit/entry.ts'
import type { Log } from '../base/log.ts'
import type { Progress } from '../base/progress.ts'
import type { Rates } from '../base/rates.ts'
import type { World } from '../base/world.ts'
import type { LoadedConfig } from '../config/config.ts'
import type { Encoding } from '../pipeline/codec.ts'
import type { ConnectionTarget } from '../postgres/connection-string.ts'
import type { Server } from '../postgres/connection.ts'
import type { Repository } from '../repository/repository.ts'
import type { StorageDescription } from '../storage/open.ts'
import type { Storage } from '../storage/storage.ts'
import type { Output } from './output.ts'
import type { Terminal } from './terminal.ts'

export interface CommandContext {
  readonly world: World
  readonly terminal: Terminal
  readonly output: Output
  readonly progress: Progress
  readonly log: Log
  readonly program: Program
  /** Aborts when the person or the system wants the command to stop. */
  readonly signal: AbortSignal
  /** What `--config` said. */
  readonly configPath: string | undefined
  /** Finds and reads the configuration, once. */
  readonly config: () => Promise<LoadedConfig>
  /** What there is to know of a repository of the configuration without reaching for it; the first when not told which. */
  readonly describePlace: (name?: string) => Promise<DescribedPlace>
  /** Opens the storage of a repository of the configuration; the first when not told which. */
  readonly openPlace: (name?: string, how?: OpenHow) => Promise<OpenPlace>
  /** The same, and the repository in it; REPOSITORY_MISSING when there is none. */
  readonly openRepository: (name?: string, how?: OpenHow) => Promise<OpenRepository>
  /** What this command keeps to; undefined when nothing is limited. The storages of `openPlace` do so already. */
  readonly rates: () => Promise<Rates | undefined>
  readonly connect: (signal: AbortSignal) => Promise<Server>
  /** What `connect` connects to, for PostgreSQL's own programs. */
  readonly connectionTarget: () => Promise<ConnectionTarget>
  /**
   * Enters something in the audit trail by itself that happens within this operation: that a person was erased, say. Durable
   * when it resolves; when it can not be written, that is told, and it is AUDIT_UNWRITABLE only where the trail is required.
   */
  readonly enter: EnterNote
  /** Only when the configuration names one. */
  readonly connectPrimary: (signal: AbortSignal) => Promise<Server>
}

/** `about`: a word for what kind of thing it is, for filters. No fact may hold a secret. */
export type EnterNote = (about: string, facts: Facts) => Promise<void>

/** What is asked for beyond the configuration. */
export interface OpenHow extends Pick<StorageDescription, 'asOfMs'> {
  /** Whoever opens it has the rates kept to in a wrapper of his own: over several storages, say. */
  readonly withoutRates?: boolean
}

/** Where this program's own parts lie. */
export interface Program {
  /** The absolute path to start Holdfast by, for `archive_command` and `restore_command`. */
  readonly launcher: string
  /** The entry of a worker thread. */
  readonly worker: URL
  /** The entry of the program itself, for a helper process that goes on after a command. */
  readonly main: URL
}

/** Where a repository of the configuration is, and how it is written to: plain data. */
export interface DescribedPlace {
  /** Its name in the configuration. */
  readonly name: string
  readonly description: StorageDescription
  readonly encoding: Encoding
}

/** A repository of the configuration, ready to be used. */
export interface OpenPlace extends DescribedPlace {
  readonly storage: Storage
  /** The secret keys; none when the configuration names none. */
  readonly identities: () => Promise<readonly string[]>
}

export interface OpenRepository extends OpenPlace {
  readonly repository: Repository
}
