/** Reads `backup.json` and `awaiting-wal.json`, and tells one that is damaged from one that is not there. */
import { Fault, isFault } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { parseBackupRecord } from './format/backup-json.ts'
import type { BackupRecord } from './format/backup-record.ts'
import { backupFolder } from './layout.ts'
import { readWhole } from './objects.ts'
import type { Repository } from './repository.ts'

/** Its record can not be read: it is damaged, or lies in a cold storage class (OBJECT_COLD). */
export interface DamagedBackup {
  readonly id: string
  readonly fault: Fault
}

/** How many records are read at once. */
const readsAtOnce = 16

/** Undefined when there is none: neither a backup nor what is left of one. */
export async function readRecord(
  repository: Repository,
  id: string,
  name: string,
  signal: AbortSignal,
): Promise<BackupRecord | undefined> {
  const key = recordKey(repository, id, name)
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

/** One unreadable record must not hide the others. Those that are gone are left out. */
export function readRecords(
  repository: Repository,
  ids: readonly string[],
  name: string,
  signal: AbortSignal,
): Promise<{ readonly records: readonly BackupRecord[]; readonly damaged: readonly DamagedBackup[] }> {
  return readEach(ids, id => readRecord(repository, id, name, signal))
}

/** Some at a time; which of them are damaged, and why. */
export async function readEach<T extends object>(
  ids: readonly string[],
  read: (id: string) => Promise<T | undefined>,
): Promise<{ readonly records: readonly T[]; readonly damaged: readonly DamagedBackup[] }> {
  const records: T[] = []
  const damaged: DamagedBackup[] = []
  for (let at = 0; at < ids.length; at += readsAtOnce) {
    const batch = ids.slice(at, at + readsAtOnce)
    for (const outcome of await Promise.all(batch.map(id => readOrExplain(id, read)))) {
      if (outcome === undefined) continue
      if ('fault' in outcome) damaged.push(outcome)
      else records.push(outcome.record)
    }
  }
  return { records, damaged }
}

export function recordKey({ identity }: Repository, id: string, name: string): string {
  return `${backupFolder(identity.cluster, id)}/${name}`
}

async function readOrExplain<T extends object>(
  id: string,
  read: (id: string) => Promise<T | undefined>,
): Promise<{ readonly record: T } | DamagedBackup | undefined> {
  try {
    const record = await read(id)
    return record && { record }
  } catch (error) {
    if (isFault(error, 'OBJECT_CORRUPT', 'REPOSITORY_FORMAT', 'OBJECT_COLD')) return { id, fault: error }
    throw error
  }
}
