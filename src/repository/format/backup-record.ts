import type { SnapshotRecord } from './snapshot-part.ts'

/** In a *snapshot* the files lie in snapshots of volumes, outside of the repository; only the label files are here. */
export type BackupKind = 'full' | 'incremental' | 'snapshot'

/**
 * `backup.json`: the commit of a backup. Written last, readable without a key, small, and not secret.
 *
 * LSNs are text as PostgreSQL prints them; times are ISO 8601 in UTC; the system identifier is a decimal string,
 * since it does not fit a JSON number. docs/format.md is the law.
 */
export interface BackupRecord {
  readonly format: 1
  readonly id: string
  readonly kind: BackupKind
  /** The id of the backup that this one is based on; null for any other. */
  readonly parent: string | null
  readonly cluster: string
  readonly label: string
  readonly systemIdentifier: string
  readonly postgres: {
    /** `server_version_num`, for example 150018. */
    readonly versionNumber: number
    readonly version: string
    readonly catalogVersion: number
    readonly blockSizeBytes: number
    /** Blocks in one file of a relation: 131072 unless PostgreSQL was built otherwise. */
    readonly relationSegmentBlocks: number
    readonly walSegmentSizeBytes: number
    readonly dataChecksums: boolean
    /** The settings that a server needs at least as high to replay this backup's WAL as a hot standby. */
    readonly settings: Readonly<Record<string, string>>
  }
  readonly host: string
  readonly fromStandby: boolean
  readonly startedAt: string
  readonly endedAt: string
  readonly timeline: number
  readonly startLsn: string
  readonly stopLsn: string
  /** The first and last WAL segment that this backup needs to become consistent. */
  readonly startWal: string
  readonly stopWal: string
  readonly sizes: {
    readonly files: number
    readonly rawBytes: number
    readonly storedBytes: number
  }
  readonly tablespaces: readonly TablespaceRecord[]
  /** Objects of this backup, relative to its folder. */
  readonly packs: readonly PackRecord[]
  readonly manifest: StoredObjectRecord
  /** PostgreSQL's own backup_manifest, for pg_verifybackup and pg_combinebackup. */
  readonly backupManifest: StoredObjectRecord
  readonly compression: { readonly algorithm: 'zstd'; readonly level: number }
  /** The age recipients (public keys) that can open the objects; empty when encryption is `none`. */
  readonly recipients: readonly string[]
  readonly checks: {
    readonly pagesChecked: number
    /** Pages that were torn when first read and right when read again, or that WAL repairs. */
    readonly pagesTorn: number
    readonly pagesCorrupt: number
    /** At most limits.corruptPagesListedMax of them. */
    readonly corrupt: readonly CorruptPages[]
  }
  readonly warnings: readonly string[]
  readonly durationMs: number
  readonly tool: string
  /** Only in a snapshot. */
  readonly snapshot?: SnapshotRecord | undefined
  /** Only in a copy that was sealed to other recipients, whose objects are therefore not those of its source byte by byte. */
  readonly copiedFrom?: CopyOrigin | undefined
}

export interface CopyOrigin {
  /** The id of the repository that it was copied from: that of its holdfast.json. */
  readonly repository: string
  /** Of the backup.json there, hexadecimal. */
  readonly sha256: string
}

export interface StoredObjectRecord {
  /** Relative to the backup's folder: `data/00001.tar.zst.age`. */
  readonly name: string
  readonly sizeBytes: number
  /** Of the object as stored, hexadecimal. */
  readonly sha256: string
}

export interface PackRecord extends StoredObjectRecord {
  readonly files: number
  readonly rawBytes: number
}

export interface TablespaceRecord {
  readonly oid: number
  readonly name: string
  readonly location: string
  readonly sizeBytes: number
}

export interface CorruptPages {
  /** Relative to the data directory: `base/5/16384.1`. */
  readonly path: string
  /** Block numbers within this file (not within the whole relation). */
  readonly blocks: readonly number[]
}
