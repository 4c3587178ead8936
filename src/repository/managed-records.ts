/** Records of snapshots that managed servers made of themselves: one small object each. */
import { Fault, isFault } from '../base/fault.ts'
import { inParallel } from '../base/in-parallel.ts'
import { limits } from '../base/limits.ts'
import { encodeManagedRecord, parseManagedRecord, type ManagedRecord } from './format/managed-json.ts'
import { managedIdPattern } from './format/values.ts'
import { managedKey, managedPrefix } from './layout.ts'
import { readWhole, writeOnce } from './objects.ts'
import type { Repository } from './repository.ts'

export async function putManaged(
  { storage, identity }: Repository,
  record: ManagedRecord,
  signal: AbortSignal,
): Promise<void> {
  const key = managedKey(identity.cluster, record.id)
  if ((await writeOnce(storage, key, encodeManagedRecord(record), signal)) !== 'other') return
  throw new Fault('OBJECT_CONFLICT', `${storage.location} has another ${key} already`, {
    hint: 'Two snapshots were begun in the same second: run it again.',
  })
}

/** Undefined: there is none. */
export async function readManaged(
  { storage, identity }: Repository,
  id: string,
  signal: AbortSignal,
): Promise<ManagedRecord | undefined> {
  if (!managedIdPattern.test(id)) return undefined
  const key = managedKey(identity.cluster, id)
  const bytes = await readWhole(storage, key, limits.recordSizeBytesMax, signal)
  if (!bytes) return undefined
  const record = parseManagedRecord(bytes, key)
  if (record.id === id && record.cluster === identity.cluster) return record
  throw new Fault('OBJECT_CORRUPT', `${key} is damaged: it is the record of ${record.cluster}/${record.id}`, {
    hint: 'Find out who moved objects inside the repository, and move this one back.',
  })
}

export interface ManagedCatalog {
  /** Oldest first. */
  readonly records: readonly ManagedRecord[]
  /** Records that can not be read, with the reason. */
  readonly damaged: readonly { readonly id: string; readonly fault: Fault }[]
}

export async function readAllManaged(repository: Repository, signal: AbortSignal): Promise<ManagedCatalog> {
  const prefix = managedPrefix(repository.identity.cluster)
  const ids: string[] = []
  for await (const { key } of repository.storage.list(prefix, signal)) {
    const id = key.slice(prefix.length).replace(/\.json$/, '')
    if (managedIdPattern.test(id)) ids.push(id)
  }
  const records = new Map<string, ManagedRecord>()
  const damaged: { id: string; fault: Fault }[] = []
  const read = async (id: string, stop: AbortSignal): Promise<void> => {
    try {
      const record = await readManaged(repository, id, stop)
      if (record) records.set(id, record)
    } catch (error) {
      if (!isFault(error, 'OBJECT_CORRUPT', 'REPOSITORY_FORMAT')) throw error
      damaged.push({ id, fault: error })
    }
  }
  await inParallel(ids, limits.managedReadParallel, read, signal)
  return { records: ids.flatMap(id => records.get(id) ?? []), damaged }
}
