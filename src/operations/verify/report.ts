/** What `verify` found: for each backup whether it can be restored, and every damage with what it costs. */
import type { Whereabouts } from '../managed/presence.ts'

export interface Finding {
  /** The stored object, as a key of the repository. */
  readonly object: string
  /** The backup that is hurt, if it is one. */
  readonly backup?: string
  /** The file of the data directory that can not be restored. */
  readonly path?: string
  readonly message: string
  /** What can no longer be done because of it. */
  readonly cost: string
}

export interface VerifiedBackup {
  readonly id: string
  /** Every object is whole, and so is the WAL that makes the backup consistent. */
  readonly isRestorable: boolean
  /**
   * `hashes`: each object is what was stored, and was not looked into, for want of a key. `sizes`: they are there in their
   * sizes, and were not read, since they lie in a cold storage class.
   */
  readonly depth: 'content' | 'hashes' | 'sizes'
  readonly packs: number
  readonly files: number
  readonly bytes: number
  readonly pagesChecked: number
  /** Pages that were corrupt in the source already; see `holdfast show`. */
  readonly pagesCorrupt: number
}

export interface VerifiedDump {
  readonly id: string
  /** Every object is whole, and each table has the rows that were counted. */
  readonly isRestorable: boolean
  readonly depth: VerifiedBackup['depth']
  readonly databases: number
  readonly tables: number
  readonly rows: number
  readonly bytes: number
}

/** Of a managed server: its bytes lie with the vendor, who was asked for them. */
export interface VerifiedManaged {
  readonly id: string
  /** It is ready, or its copy is. */
  readonly isRestorable: boolean
  readonly snapshot: Whereabouts['state']
  readonly copy: { readonly region: string; readonly state: Whereabouts['state'] } | null
}

export interface VerifiedWal {
  readonly segments: number
  /** Of these, so many could not be opened without a key: only their heads were read. */
  readonly headsOnly: number
  readonly bytes: number
}

export interface VerifyReport {
  readonly isGood: boolean
  readonly backups: readonly VerifiedBackup[]
  readonly dumps: readonly VerifiedDump[]
  readonly managed: readonly VerifiedManaged[]
  readonly wal: VerifiedWal
  readonly findings: readonly Finding[]
  /** Sentences: what could not be checked, and why. Empty when everything was. */
  readonly notChecked: readonly string[]
  readonly durationMs: number
}
