/**
 * The catalogue: which backups there are.
 *
 * A backup exists when its `backup.json` exists. A folder with `awaiting-wal.json` instead was copied whole, and
 * becomes a backup when the WAL it needs has arrived. Any other folder is incomplete: being written, or left behind.
 */
import { Fault, isFault } from '../base/fault.ts'
import { parseLsn } from '../wal/lsn.ts'
import { listBackupFolders, type BackupFolder } from './backup-folders.ts'
import { indexAwaiting, indexCommitted, knownBackups } from './catalog-index.ts'
import type { FolderState } from './folder-states.ts'
import { encodeBackupRecord } from './format/backup-json.ts'
import type { BackupRecord } from './format/backup-record.ts'
import { summaryOf, type BackupSummary } from './format/backup-summary.ts'
import { awaitingName, backupFolder, commitName } from './layout.ts'
import { writeOnce } from './objects.ts'
import type { Repository } from './repository.ts'
import { readRecord, readRecords, recordKey, type DamagedBackup } from './stored-records.ts'

export interface Catalog {
  /** Ordered by system identifier, timeline, and start LSN. */
  readonly backups: readonly BackupSummary[]
  /** Copied whole, waiting for WAL; in the same order. */
  readonly awaiting: readonly BackupRecord[]
  /** Folders whose record can not be read, each with the reason. */
  readonly damaged: readonly DamagedBackup[]
  /** Folders without a record. */
  readonly incomplete: readonly Pick<BackupFolder, 'id'>[]
}

export interface CompleteCatalog extends Catalog {
  readonly backups: readonly BackupRecord[]
  readonly incomplete: readonly BackupFolder[]
}

/**
 * By the index, without listing what it knows: a handful of requests, however many backups there are. It may still name
 * a backup that was just deleted, so `readBackup` is asked for the one that is chosen, before anything else is done.
 */
export async function readCatalog(repository: Repository, signal: AbortSignal): Promise<Catalog> {
  const known = await knownBackups(repository, signal)
  if (!known) {
    const { backups, ...rest } = await scanCatalog(repository, signal)
    return { ...rest, backups: backups.map(summaryOf) }
  }
  const awaiting = await readRecords(repository, idsIn(known.unfinished, 'awaiting'), awaitingName, signal)
  return {
    backups: inOrder(known.entries),
    awaiting: inOrder(awaiting.records),
    damaged: [...known.damaged, ...awaiting.damaged],
    incomplete: known.unfinished.filter(({ state }) => state === 'incomplete'),
  }
}

/** Looks at everything and reads all records: for those who must not miss anything. */
export async function scanCatalog(repository: Repository, signal: AbortSignal): Promise<CompleteCatalog> {
  const folders = await Array.fromAsync(listBackupFolders(repository, signal))
  const backups = await readRecords(repository, idsIn(folders, 'committed'), commitName, signal)
  const awaiting = await readRecords(repository, idsIn(folders, 'awaiting'), awaitingName, signal)
  return {
    backups: inOrder(backups.records),
    awaiting: inOrder(awaiting.records),
    damaged: [...backups.damaged, ...awaiting.damaged],
    incomplete: folders.filter(({ state }) => state === 'incomplete'),
  }
}

const idsIn = (folders: readonly FolderState[], wanted: FolderState['state']): readonly string[] =>
  folders.filter(({ state }) => state === wanted).map(({ id }) => id)

/** The backups whose records can be read; `readCatalog` also tells of the others. */
export async function listBackups(
  repository: Repository,
  signal: AbortSignal,
): Promise<readonly BackupSummary[]> {
  return (await readCatalog(repository, signal)).backups
}

/** Whole records, in the order of the catalogue; those that are gone or damaged are left out. */
export async function readBackups(
  repository: Repository,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<readonly BackupRecord[]> {
  return inOrder((await readRecords(repository, ids, commitName, signal)).records)
}

/** BACKUP_NOT_FOUND when there is none with this id. */
export async function readBackup(
  repository: Repository,
  id: string,
  signal: AbortSignal,
): Promise<BackupRecord> {
  const record = await readRecord(repository, id, commitName, signal)
  if (record) return record
  throw new Fault(
    'BACKUP_NOT_FOUND',
    `there is no backup ${id} of "${repository.identity.cluster}" in ${repository.storage.location}`,
    {
      hint: 'Run holdfast list to see the ids.',
    },
  )
}

/**
 * Makes the backup exist. Everything the record names has to be there already, durable and in its full size; this
 * is looked at once more, since nothing may be said to be safe before it is.
 */
export async function commitBackup(
  repository: Repository,
  record: BackupRecord,
  signal: AbortSignal,
): Promise<void> {
  await assertComplete(repository, record, signal)
  await writeRecord(repository, record, commitName, signal)
  await indexCommitted(repository, record.id, signal)
}

/** Keeps a backup that was copied whole and whose WAL did not arrive in time. */
export async function keepAwaitingWal(
  repository: Repository,
  record: BackupRecord,
  signal: AbortSignal,
): Promise<void> {
  await assertComplete(repository, record, signal)
  await writeRecord(repository, record, awaitingName, signal)
  await indexAwaiting(repository, record.id, signal)
}

/** For a backup that awaited its WAL, which the caller has seen in the repository. Harmless when done twice. */
export async function commitAwaiting(
  repository: Repository,
  id: string,
  signal: AbortSignal,
): Promise<BackupRecord> {
  const record = await readRecord(repository, id, awaitingName, signal)
  if (!record) return readBackup(repository, id, signal)
  await commitBackup(repository, record, signal)
  await dropAwaiting(repository, id, signal)
  return record
}

/** A host that may write and not delete leaves it to the sweep. */
async function dropAwaiting(repository: Repository, id: string, signal: AbortSignal): Promise<void> {
  try {
    await repository.storage.delete([recordKey(repository, id, awaitingName)], signal)
  } catch (error) {
    if (!isFault(error, 'STORAGE_DENIED', 'OBJECT_LOCKED')) throw error
  }
}

async function writeRecord(
  repository: Repository,
  record: BackupRecord,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const key = recordKey(repository, record.id, name)
  if ((await writeOnce(repository.storage, key, encodeBackupRecord(record), signal)) !== 'other') return
  throw new Fault('OBJECT_CONFLICT', `${key} is there already, and is not what was to be written`, {
    hint: 'Look at the hosts that back up this cluster: two of them work on the same backup. Stop one.',
  })
}

/** OBJECT_MISSING when something that the record names is not there in its full size. */
export async function assertComplete(
  { storage, identity }: Repository,
  record: BackupRecord,
  signal: AbortSignal,
): Promise<void> {
  const folder = backupFolder(identity.cluster, record.id)
  const sizes = new Map<string, number>()
  for await (const { key, sizeBytes } of storage.list(`${folder}/`, signal)) sizes.set(key, sizeBytes)
  for (const { name, sizeBytes } of [...record.packs, record.manifest, record.backupManifest]) {
    const found = sizes.get(`${folder}/${name}`)
    if (found === sizeBytes) continue
    const what =
      found === undefined ? 'is not there' : `has ${String(found)} bytes instead of ${String(sizeBytes)}`
    throw new Fault('OBJECT_MISSING', `${folder}/${name} ${what}, so the backup can not be committed`, {
      hint: 'Make the backup again, and find out what deletes or changes objects in the repository.',
    })
  }
}

function inOrder<T extends BackupSummary>(records: readonly T[]): readonly T[] {
  return records.toSorted(
    (a, b) =>
      compare(BigInt(a.systemIdentifier), BigInt(b.systemIdentifier)) ||
      compare(a.timeline, b.timeline) ||
      compare(parseLsn(a.startLsn) ?? 0n, parseLsn(b.startLsn) ?? 0n) ||
      compare(a.startedAt, b.startedAt),
  )
}

const compare = <T extends bigint | number | string>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0)
