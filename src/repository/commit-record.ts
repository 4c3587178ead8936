/**
 * The record that makes a backup or a dump exist, whichever of the two it is: what copies, repairs and locks have to know
 * of it is the same. The id tells which one is meant.
 */
import { indexCommitted } from './catalog-index.ts'
import { readBackup } from './catalog.ts'
import { objectsOfDump, readDump } from './dump-catalog.ts'
import { indexDumpCommitted } from './dump-index.ts'
import { encodeBackupRecord, parseBackupRecord } from './format/backup-json.ts'
import type { BackupRecord, StoredObjectRecord } from './format/backup-record.ts'
import { encodeDumpRecord, parseDumpRecord } from './format/dump-json.ts'
import type { DumpRecord } from './format/dump-record.ts'
import type { Repository } from './repository.ts'
import { dumpShelf, shelfOf } from './shelf.ts'

export type CommitRecord = BackupRecord | DumpRecord

/** BACKUP_NOT_FOUND when there is none with this id. */
export function readCommitRecord(
  repository: Repository,
  id: string,
  signal: AbortSignal,
): Promise<CommitRecord> {
  return (isDumpId(id) ? readDump : readBackup)(repository, id, signal)
}

/** `key` is that of the record. */
export function parseCommitRecord(id: string, bytes: Uint8Array, key: string): CommitRecord {
  return (isDumpId(id) ? parseDumpRecord : parseBackupRecord)(bytes, key)
}

export function encodeCommitRecord(record: CommitRecord): Uint8Array {
  return isDump(record) ? encodeDumpRecord(record) : encodeBackupRecord(record)
}

/** `backup 20260301T020000Z-full`, `dump 20260301T020000Z-dump`. */
export const nameOfCommit = (id: string): string => `${shelfOf(id).word} ${id}`

/** Without a `/` at its end. */
export function folderOfCommit(cluster: string, id: string): string {
  return shelfOf(id).folder(cluster, id)
}

export function keyOfCommit(cluster: string, id: string): string {
  return `${folderOfCommit(cluster, id)}/${shelfOf(id).commitName}`
}

/** All that it names, but for itself; relative to its folder. */
export function objectsOfCommit(record: CommitRecord): readonly StoredObjectRecord[] {
  return isDump(record) ? objectsOfDump(record) : [...record.packs, record.manifest, record.backupManifest]
}

/** The record with each object that it names changed. */
export function withObjects(
  record: CommitRecord,
  change: <T extends StoredObjectRecord>(object: T) => T,
): CommitRecord {
  if (!isDump(record)) {
    const [manifest, backupManifest] = [change(record.manifest), change(record.backupManifest)]
    return { ...record, packs: record.packs.map(change), manifest, backupManifest }
  }
  return {
    ...record,
    globals: change(record.globals),
    databases: record.databases.map(database => ({
      ...database,
      objects: database.objects.map(change),
      contents: change(database.contents),
    })),
  }
}

export function withStoredBytes(record: CommitRecord, storedBytes: number): CommitRecord {
  return isDump(record)
    ? { ...record, sizes: { ...record.sizes, storedBytes } }
    : { ...record, sizes: { ...record.sizes, storedBytes } }
}

/** Sees to it that readers find what was just committed. */
export async function indexCommit(repository: Repository, id: string, signal: AbortSignal): Promise<void> {
  await (isDumpId(id) ? indexDumpCommitted : indexCommitted)(repository, id, signal)
}

const isDumpId = (id: string): boolean => shelfOf(id) === dumpShelf
const isDump = (record: CommitRecord): record is DumpRecord => record.kind === 'dump'
