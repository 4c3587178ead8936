/** The index of the backups. How it is read and written is in shelf-index.ts. */
import { summaryOf, type BackupSummary } from './format/backup-summary.ts'
import { encodeCatalogIndex, parseCatalogIndex } from './format/catalog-index.ts'
import { catalogFolder, commitName } from './layout.ts'
import type { Repository } from './repository.ts'
import { backupShelf } from './shelf.ts'
import * as shelfIndex from './shelf-index.ts'
import { readRecords } from './stored-records.ts'

const backups: shelfIndex.IndexedShelf<BackupSummary> = {
  shelf: backupShelf,
  folder: catalogFolder,
  encode: encodeCatalogIndex,
  parse: parseCatalogIndex,
  async readAll(repository, ids, signal) {
    const { records, damaged } = await readRecords(repository, ids, commitName, signal)
    return { summaries: records.map(summaryOf), damaged }
  },
}

export function readIndex(
  repository: Repository,
  signal: AbortSignal,
): Promise<shelfIndex.StoredIndex<BackupSummary>> {
  return shelfIndex.readIndex(backups, repository, signal)
}

/** Undefined when there is no usable index. */
export function knownBackups(
  repository: Repository,
  signal: AbortSignal,
): Promise<shelfIndex.KnownOnShelf<BackupSummary> | undefined> {
  return shelfIndex.knownOnShelf(backups, repository, signal)
}

export function indexCommitted(repository: Repository, id: string, signal: AbortSignal): Promise<void> {
  return shelfIndex.indexCommitted(backups, repository, id, signal)
}

export function indexAwaiting(repository: Repository, id: string, signal: AbortSignal): Promise<void> {
  return shelfIndex.indexAwaiting(backups, repository, id, signal)
}

export function indexDeleted(
  repository: Repository,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  return shelfIndex.indexDeleted(backups, repository, ids, signal)
}

/** The same, and fails when the index could not be written. */
export function dropFromIndex(
  repository: Repository,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  return shelfIndex.dropFromIndex(backups, repository, ids, signal)
}

export function rebuildIndex(repository: Repository, signal: AbortSignal): Promise<void> {
  return shelfIndex.rebuildIndex(backups, repository, signal)
}

export function troublesOfIndex(
  repository: Repository,
  all: readonly shelfIndex.Named[],
  signal: AbortSignal,
): Promise<shelfIndex.IndexTroubles> {
  return shelfIndex.troublesOfIndex(backups, repository, all, signal)
}
