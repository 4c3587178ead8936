/** The repositories that a command may read from. */
import type { Fault } from '../../base/fault.ts'
import type { Encoding } from '../../pipeline/codec.ts'
import type { BackupRecord } from '../../repository/format/backup-record.ts'
import { backupFolder } from '../../repository/layout.ts'
import type { Repository } from '../../repository/repository.ts'
import type { StorageDescription } from '../../storage/open.ts'
import type { CopyToRead } from '../workers/copy-in/copy-in.ts'

/** A repository that was opened. */
export interface Source {
  /** By its name in the configuration. */
  readonly name: string
  readonly repository: Repository
  /** The same storage as the repository's, for workers to open. */
  readonly storage: StorageDescription
  readonly encoding: Encoding
  readonly identities: readonly string[]
}

/** One that could not be opened, and why. */
export interface ClosedSource {
  readonly name: string
  readonly fault: Fault
}

export interface Sources {
  /** The one to read from first stands first. Never empty. All of the same cluster. */
  readonly open: readonly Source[]
  readonly closed: readonly ClosedSource[]
}

/** A backup as one repository holds it: the same files, and objects of its own. */
export interface BackupCopy {
  readonly source: Source
  readonly record: BackupRecord
}

/** Ends in `/`. */
export function folderOfCopy({ source, record }: BackupCopy): string {
  return `${backupFolder(source.repository.identity.cluster, record.id)}/`
}

/** As those who copy in are given it, in the same order. */
export const copiesToRead = (copies: readonly BackupCopy[]): readonly CopyToRead[] =>
  copies.map(copy => ({
    repository: copy.source.name,
    storage: copy.source.storage,
    keyPrefix: folderOfCopy(copy),
    identities: copy.source.identities,
    packs: copy.record.packs,
  }))
