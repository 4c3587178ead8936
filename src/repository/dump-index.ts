/** The index of the dumps. How it is read and written is in shelf-index.ts. */
import { encodeDumpIndex, parseDumpIndex } from './format/catalog-index.ts'
import { summaryOfDump, type DumpSummary } from './format/dump-summary.ts'
import { dumpCatalogFolder } from './layout.ts'
import type { Repository } from './repository.ts'
import { dumpShelf } from './shelf.ts'
import * as shelfIndex from './shelf-index.ts'
import { readDumpRecords } from './stored-dumps.ts'

const dumps: shelfIndex.IndexedShelf<DumpSummary> = {
  shelf: dumpShelf,
  folder: dumpCatalogFolder,
  encode: encodeDumpIndex,
  parse: parseDumpIndex,
  async readAll(repository, ids, signal) {
    const { records, damaged } = await readDumpRecords(repository, ids, signal)
    return { summaries: records.map(summaryOfDump), damaged }
  },
}

export function readDumpIndex(
  repository: Repository,
  signal: AbortSignal,
): Promise<shelfIndex.StoredIndex<DumpSummary>> {
  return shelfIndex.readIndex(dumps, repository, signal)
}

/** Undefined when there is no usable index. */
export function knownDumps(
  repository: Repository,
  signal: AbortSignal,
): Promise<shelfIndex.KnownOnShelf<DumpSummary> | undefined> {
  return shelfIndex.knownOnShelf(dumps, repository, signal)
}

export function indexDumpCommitted(repository: Repository, id: string, signal: AbortSignal): Promise<void> {
  return shelfIndex.indexCommitted(dumps, repository, id, signal)
}

export function indexDumpsDeleted(
  repository: Repository,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  return shelfIndex.indexDeleted(dumps, repository, ids, signal)
}

/** The same, and fails when the index could not be written. */
export function dropFromDumpIndex(
  repository: Repository,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  return shelfIndex.dropFromIndex(dumps, repository, ids, signal)
}

export function troublesOfDumpIndex(
  repository: Repository,
  all: readonly shelfIndex.Named[],
  signal: AbortSignal,
): Promise<shelfIndex.IndexTroubles> {
  return shelfIndex.troublesOfIndex(dumps, repository, all, signal)
}
