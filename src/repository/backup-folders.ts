/** The folders under `backups/`, as they are: what the catalogue reads and the sweep judges. */
import type { Repository } from './repository.ts'
import { backupIdPattern } from './format/values.ts'
import { awaitingName, backupFolder, backupsPrefix, commitName } from './layout.ts'

export interface BackupFolder {
  readonly id: string
  readonly state: 'committed' | 'awaiting' | 'incomplete'
  /** `awaiting-wal.json` stands beside `backup.json`: the commit was cut off before it was removed. */
  readonly hasLeftover: boolean
  readonly objectCount: number
  readonly sizeBytes: number
  /** When its newest object was written, by the storage's clock. */
  readonly modifiedMs: number
}

/** Streams: the objects of one folder are counted, not kept. */
export function listBackupFolders(
  repository: Repository,
  signal: AbortSignal,
): AsyncGenerator<BackupFolder, void, undefined> {
  return foldersUnder(repository, backupsPrefix(repository.identity.cluster), signal)
}

/** These only; those of which nothing is left are left out. */
export async function* listTheseFolders(
  repository: Repository,
  ids: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<BackupFolder, void, undefined> {
  for (const id of ids)
    yield* foldersUnder(repository, `${backupFolder(repository.identity.cluster, id)}/`, signal)
}

async function* foldersUnder(
  { storage, identity }: Repository,
  where: string,
  signal: AbortSignal,
): AsyncGenerator<BackupFolder, void, undefined> {
  const prefix = backupsPrefix(identity.cluster)
  let folder: Tally | undefined
  for await (const { key, sizeBytes, modifiedMs } of storage.list(where, signal)) {
    const [id = '', ...rest] = key.slice(prefix.length).split('/')
    if (!backupIdPattern.test(id)) continue
    if (folder?.id !== id) {
      if (folder) yield judged(folder)
      folder = { id, committed: false, awaiting: false, objectCount: 0, sizeBytes: 0, modifiedMs: 0 }
    }
    const name = rest.join('/')
    folder.committed ||= name === commitName
    folder.awaiting ||= name === awaitingName
    folder.objectCount++
    folder.sizeBytes += sizeBytes
    folder.modifiedMs = Math.max(folder.modifiedMs, modifiedMs)
  }
  if (folder) yield judged(folder)
}

interface Tally {
  id: string
  committed: boolean
  awaiting: boolean
  objectCount: number
  sizeBytes: number
  modifiedMs: number
}

function judged({ committed, awaiting, ...folder }: Tally): BackupFolder {
  return {
    ...folder,
    state: committed ? 'committed' : awaiting ? 'awaiting' : 'incomplete',
    hasLeftover: committed && awaiting,
  }
}

/** How many keys are handed to the storage at once. */
const deletesAtOnce = 1000

/**
 * Deletes a backup in the reverse order of writing, so that a crash at any point leaves a folder that is incomplete,
 * never one that looks whole: what could make it exist, then the manifests, then the packs.
 */
export async function deleteBackupFolder(
  { storage, identity }: Repository,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  const folder = backupFolder(identity.cluster, id)
  await storage.delete([`${folder}/${awaitingName}`], signal)
  await storage.delete([`${folder}/${commitName}`], signal)
  await deleteAll(storage, `${folder}/`, key => !key.startsWith(`${folder}/data/`), signal)
  await deleteAll(storage, `${folder}/`, () => true, signal)
}

async function deleteAll(
  storage: Repository['storage'],
  prefix: string,
  chosen: (key: string) => boolean,
  signal: AbortSignal,
): Promise<void> {
  let keys: string[] = []
  for await (const { key } of storage.list(prefix, signal)) {
    if (chosen(key)) keys.push(key)
    if (keys.length < deletesAtOnce) continue
    await storage.delete(keys, signal)
    keys = []
  }
  if (keys.length > 0) await storage.delete(keys, signal)
}
