/**
 * `dump.json`: the commit of a dump. Written last, readable without a key, small, and not secret: it names databases,
 * and nothing inside of them. Schemas and tables stand in the contents of each database (dump-contents.ts).
 *
 * LSNs, times and system identifiers are written as in `backup.json`. docs/format.md is the law.
 */
import type { CopyOrigin, StoredObjectRecord } from './backup-record.ts'

export interface DumpRecord {
  readonly format: 1
  readonly id: string
  readonly kind: 'dump'
  readonly cluster: string
  readonly label: string
  readonly systemIdentifier: string
  readonly postgres: DumpedVersion
  /** The pg_dump that made it: never older than the server. */
  readonly pgDump: DumpedVersion
  readonly host: string
  readonly fromStandby: boolean
  readonly startedAt: string
  readonly endedAt: string
  readonly timeline: number
  /** The earliest of the databases' snapshots. */
  readonly lsn: string
  readonly selection: {
    /** `named`: some of the cluster's databases were asked for. */
    readonly databases: 'all' | 'named'
    /** `part`: schemas, tables or the data of some were left out. Which ones stands in the contents. */
    readonly contents: 'all' | 'part'
  }
  readonly sizes: {
    readonly databases: number
    readonly tables: number
    readonly rows: number
    readonly rawBytes: number
    /** Of all objects but `dump.json`. */
    readonly storedBytes: number
  }
  /** What `pg_dumpall --globals-only` gave: roles, tablespaces, settings. */
  readonly globals: DumpedObject
  readonly databases: readonly DumpedDatabase[]
  readonly compression: { readonly algorithm: 'zstd'; readonly level: number }
  readonly recipients: readonly string[]
  readonly warnings: readonly string[]
  readonly durationMs: number
  readonly tool: string
  /** As in `backup.json`: only in a copy that was sealed to other recipients. */
  readonly copiedFrom?: CopyOrigin | undefined
}

export interface DumpedVersion {
  /** `server_version_num`, for example 150018. */
  readonly versionNumber: number
  readonly version: string
}

/** Names are relative to the dump's folder. */
export interface DumpedObject extends StoredObjectRecord {
  readonly rawBytes: number
}

export interface DumpedDatabase {
  /** Counted from 1: the five digits in the names of its objects. */
  readonly number: number
  readonly name: string
  readonly oid: number
  readonly owner: string
  readonly encoding: string
  /** `custom`: one object, which is the file that pg_restore takes. `directory`: packs and objects that make its directory. */
  readonly shape: 'custom' | 'directory'
  /** Where the server's log was when the snapshot was taken. */
  readonly snapshotLsn: string
  readonly snapshotAt: string
  readonly tables: number
  readonly rows: number
  readonly largeObjects: number
  readonly rawBytes: number
  /** In the order in which they were begun. */
  readonly objects: readonly DumpedObject[]
  readonly contents: StoredObjectRecord
  readonly durationMs: number
}
