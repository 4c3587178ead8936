/**
 * The catalogue: which backups there are.
 *
 * A backup exists when its `backup.json` exists. A folder with `awaiting-wal.json` instead was copied whole, and
 * becomes a backup when the WAL it needs has arrived. Any other folder is incomplete: being written, or left behind.
 */
import { Fault, isFault } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { parseLsn } from '../wal/lsn.ts'
import { encodeBackupRecord, parseBackupRecord } from './format/backup-json.ts'
import type { BackupRecord } from './format/backup-record.ts'
import { listBackupFolders, type BackupFolder } from './backup-folders.ts'
import { awaitingName, backupFolder, commitName } from './layout.ts'
import { readWhole, writeOnce } from './objects.ts'
import type { Repository } from './repository.ts'

export interface Catalog {
  /** Ordered by system identifier, timeline, and start LSN. */
  readonly backups: readonly BackupRecord[]
  /** Copied whole, waiting for WAL; in the same order. */
  readonly awaiting: readonly BackupRecord[]
  /** Folders whose record can not be read, each with the reason. */
  readonly damaged: readonly DamagedBackup[]
  /** Folders without a record. */
  readonly incomplete: readonly BackupFolder[]
}

export interface DamagedBackup {
  readonly id: string
  readonly fault: Fault
}

/** How many records are read at once. */
const readsAtOnce = 8

export async function readCatalog(repository: Repository, signal: AbortSignal): Promise<Catalog> {
  const folders = await Array.fromAsync(listBackupFolders(repository, signal))
  const committed = folders.filter(({ state }) => state === 'committed')
  const waiting = folders.filter(({ state }) => state === 'awaiting')
  const backups = await readAll(repository, committed, commitName, signal)
  const awaiting = await readAll(repository, waiting, awaitingName, signal)
  return {
    backups: inOrder(backups.records),
    awaiting: inOrder(awaiting.records),
    damaged: [...backups.damaged, ...awaiting.damaged],
    incomplete: folders.filter(({ state }) => state === 'incomplete'),
  }
}

/** The backups whose records can be read; `readCatalog` also tells of the others. */
export async function listBackups(
  repository: Repository,
  signal: AbortSignal,
): Promise<readonly BackupRecord[]> {
  return (await readCatalog(repository, signal)).backups
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
}

/** Keeps a backup that was copied whole and whose WAL did not arrive in time. */
export async function keepAwaitingWal(
  repository: Repository,
  record: BackupRecord,
  signal: AbortSignal,
): Promise<void> {
  await assertComplete(repository, record, signal)
  await writeRecord(repository, record, awaitingName, signal)
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
    await repository.storage.delete([keyOf(repository, id, awaitingName)], signal)
  } catch (error) {
    if (!isFault(error, 'STORAGE_DENIED')) throw error
  }
}

async function readAll(
  repository: Repository,
  folders: readonly BackupFolder[],
  name: string,
  signal: AbortSignal,
): Promise<{ records: BackupRecord[]; damaged: DamagedBackup[] }> {
  const records: BackupRecord[] = []
  const damaged: DamagedBackup[] = []
  for (let at = 0; at < folders.length; at += readsAtOnce) {
    const batch = folders.slice(at, at + readsAtOnce)
    const read = await Promise.all(batch.map(({ id }) => readOrExplain(repository, id, name, signal)))
    for (const outcome of read) {
      if (outcome === undefined) continue
      if ('fault' in outcome) damaged.push(outcome)
      else records.push(outcome)
    }
  }
  return { records, damaged }
}

/** Undefined when the record was deleted since it was listed. One unreadable record must not hide the others. */
async function readOrExplain(
  repository: Repository,
  id: string,
  name: string,
  signal: AbortSignal,
): Promise<BackupRecord | DamagedBackup | undefined> {
  try {
    return await readRecord(repository, id, name, signal)
  } catch (error) {
    if (isFault(error, 'OBJECT_CORRUPT', 'REPOSITORY_FORMAT')) return { id, fault: error }
    throw error
  }
}

async function readRecord(
  repository: Repository,
  id: string,
  name: string,
  signal: AbortSignal,
): Promise<BackupRecord | undefined> {
  const key = keyOf(repository, id, name)
  const bytes = await readWhole(repository.storage, key, limits.recordSizeBytesMax, signal)
  if (!bytes) return undefined
  const record = parseBackupRecord(bytes, key)
  if (record.id !== id || record.cluster !== repository.identity.cluster) {
    throw new Fault(
      'OBJECT_CORRUPT',
      `${key} is damaged: it is the record of ${record.cluster}/${record.id}`,
      {
        hint: 'Find out who moved folders inside the repository, and move this one back.',
      },
    )
  }
  return record
}

async function writeRecord(
  repository: Repository,
  record: BackupRecord,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const key = keyOf(repository, record.id, name)
  if ((await writeOnce(repository.storage, key, encodeBackupRecord(record), signal)) !== 'other') return
  throw new Fault('OBJECT_CONFLICT', `${key} is there already, and is not what was to be written`, {
    hint: 'Look at the hosts that back up this cluster: two of them work on the same backup. Stop one.',
  })
}

async function assertComplete(
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

function keyOf({ identity }: Repository, id: string, name: string): string {
  return `${backupFolder(identity.cluster, id)}/${name}`
}

function inOrder(records: readonly BackupRecord[]): readonly BackupRecord[] {
  return records.toSorted(
    (a, b) =>
      compare(BigInt(a.systemIdentifier), BigInt(b.systemIdentifier)) ||
      compare(a.timeline, b.timeline) ||
      compare(parseLsn(a.startLsn) ?? 0n, parseLsn(b.startLsn) ?? 0n) ||
      compare(a.startedAt, b.startedAt),
  )
}

const compare = <T extends bigint | number | string>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0)
