/** What the bench asks of a backup tool: commands to run. The same suites then measure every tool. */
import type { Command } from './measure.ts'
import type { Cluster } from './cluster.ts'
import type { Place } from './place.ts'

export type ToolName = 'holdfast' | 'pgbackrest'

export interface BackupTool {
  readonly name: ToolName
  readonly version: string
  /** How it is set up, for the report. */
  readonly settings: string
  /** An empty repository for this cluster, and nothing left of earlier runs. */
  fresh(cluster: Cluster): Promise<void>
  /** Removes all that the tool has written. */
  clear(): Promise<void>
  backup(): Command
  restore(targetDirectory: string): Command
  /** All that the tool writes on this machine is here, and every process of it names this folder in its arguments. */
  readonly directory: string
  readonly place: Place
  /** The folder of the repository that holds base backups, whose size is compared. */
  readonly backupsPrefix: string
  /** As the server in `dataDirectory` calls it for a segment in its pg_wal. */
  walPush(mode: WalMode, dataDirectory: string, name: string): Command
  /** As the server in `dataDirectory` calls it: into pg_wal/RECOVERYXLOG. */
  walGet(mode: WalMode, dataDirectory: string, name: string): Command
  /** Forgets what was fetched ahead or pushed, so that the next pass begins anew. */
  forgetWal(what: 'pushed' | 'fetched'): void
  readonly walPushModes: readonly WalMode[]
  readonly walGetModes: readonly WalMode[]
}

/** `single`: every call does its own work and nothing else. `ahead`: the tool works in the background between calls. */
export type WalMode = 'single' | 'ahead'
