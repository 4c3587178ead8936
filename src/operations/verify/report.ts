/** What `verify` found: for each backup whether it can be restored, and every damage with what it costs. */

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
  /** `hashes`: each object is what was stored, and was not looked into, for want of a key. */
  readonly depth: 'content' | 'hashes'
  readonly packs: number
  readonly files: number
  readonly bytes: number
  readonly pagesChecked: number
  /** Pages that were corrupt in the source already; see `holdfast show`. */
  readonly pagesCorrupt: number
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
  readonly wal: VerifiedWal
  readonly findings: readonly Finding[]
  /** Sentences: what could not be checked, and why. Empty when everything was. */
  readonly notChecked: readonly string[]
  readonly durationMs: number
}
