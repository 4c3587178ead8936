/** The folders under `backups/`, or on another shelf, as they are: what the catalogue reads and the sweep judges. */
import type { Repository } from './repository.ts'
import { awaitingName } from './layout.ts'
import { backupShelf, type Shelf } from './shelf.ts'

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
  shelf: Shelf = backupShelf,
): AsyncGenerator<BackupFolder, void, undefined> {
  return foldersUnder(repository, shelf.prefix(repository.identity.cluster), signal, shelf)
}

/** These only; those of which nothing is left are left out. */
export async function* listTheseFolders(
  repository: Repository,
  ids: readonly string[],
  signal: AbortSignal,
  shelf: Shelf = backupShelf,
): AsyncGenerator<BackupFolder, void, undefined> {
  for (const id of ids)
    yield* foldersUnder(repository, `${shelf.folder(repository.identity.cluster, id)}/`, signal, shelf)
}

async function* foldersUnder(
  { storage, identity }: Repository,
  where: string,
  signal: AbortSignal,
  shelf: Shelf,
): AsyncGenerator<BackupFolder, void, undefined> {
  const prefix = shelf.prefix(identity.cluster)
  let folder: Tally | undefined
  for await (const { key, sizeBytes, modifiedMs } of storage.list(where, signal)) {
    const [id = '', ...rest] = key.slice(prefix.length).split('/')
    const name = rest.join('/')
    if (!shelf.idPattern.test(id) || !shelf.ownNames.test(name)) continue
    if (folder?.id !== id) {
      if (folder) yield judged(folder)
      folder = { id, committed: false, awaiting: false, objectCount: 0, sizeBytes: 0, modifiedMs: 0 }
    }
    folder.committed ||= name === shelf.commitName
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
 * never one that looks whole: what could make it exist, then the manifests, then the packs. What is not ours stays.
 */
export async function deleteFolder(
  { storage, identity }: Repository,
  id: string,
  signal: AbortSignal,
  shelf: Shelf,
): Promise<void> {
  const folder = shelf.folder(identity.cluster, id)
  await storage.delete([`${folder}/${awaitingName}`], signal)
  await storage.delete([`${folder}/${shelf.commitName}`], signal)
  const isOwn = (key: string): boolean => shelf.ownNames.test(key.slice(folder.length + 1))
  await deleteAll(storage, `${folder}/`, key => isOwn(key) && !key.startsWith(`${folder}/data/`), signal)
  await deleteAll(storage, `${folder}/`, isOwn, signal)
}

export function deleteBackupFolder(repository: Repository, id: string, signal: AbortSignal): Promise<void> {
  return deleteFolder(repository, id, signal, backupShelf)
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
