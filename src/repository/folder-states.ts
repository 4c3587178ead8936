/**
 * What stands in folders of backups, told from the first few names in each: `awaiting-wal.json` and `backup.json` come
 * before everything else there. Packs are not listed: behind a folder that is known, the list goes on with the next one.
 */
import { limits } from '../base/limits.ts'
import type { BackupFolder } from './backup-folders.ts'
import { awaitingName } from './layout.ts'
import type { Repository } from './repository.ts'
import { backupShelf, type Shelf } from './shelf.ts'

export type FolderState = Pick<BackupFolder, 'id' | 'state'>

/** Of a folder's packs so many are passed over one by one; leaping over more of them costs a request. */
const keysPassedMax = limits.storageListPageKeys / 2

/** The folders behind this one, in the order of their names; all when there is none. */
export async function foldersAfter(
  repository: Repository,
  id: string | undefined,
  signal: AbortSignal,
  shelf: Shelf = backupShelf,
): Promise<readonly FolderState[]> {
  const { cluster } = repository.identity
  const found: FolderState[] = []
  let after = id === undefined ? undefined : behind(shelf, cluster, id)
  for (;;) {
    const leap = await listUntilLeap(repository, { shelf, after, found }, signal)
    if (leap === undefined) return found
    after = behind(shelf, cluster, leap)
  }
}

/**
 * Greater than the key of every object in the folder, and not greater than those of any other: listing goes on behind it,
 * however many objects it has.
 */
const behind = (shelf: Shelf, cluster: string, id: string): string => `${shelf.folder(cluster, id)}0`

/** Returns the folder behind which to go on, when it is a long one. */
async function listUntilLeap(
  { storage, identity }: Repository,
  {
    shelf,
    after,
    found,
  }: { readonly shelf: Shelf; readonly after: string | undefined; readonly found: FolderState[] },
  signal: AbortSignal,
): Promise<string | undefined> {
  const prefix = shelf.prefix(identity.cluster)
  let passed = 0
  for await (const { key } of storage.list({ prefix, after }, signal)) {
    const [id = '', ...rest] = key.slice(prefix.length).split('/')
    if (!shelf.idPattern.test(id)) continue
    const last = found.at(-1)
    const state = stateOf(rest.join('/'), shelf)
    if (last?.id !== id) {
      found.push({ id, state })
      passed = 0
    } else if (state === 'committed') found[found.length - 1] = { id, state }
    else if (++passed >= keysPassedMax) return id
  }
  return undefined
}

/** How many folders are looked at at once. */
const looksAtOnce = 16

/** What became of these; those of which nothing is left are left out. */
export async function folderStates(
  repository: Repository,
  ids: readonly string[],
  signal: AbortSignal,
  shelf: Shelf = backupShelf,
): Promise<readonly FolderState[]> {
  const found: (FolderState | undefined)[] = []
  for (let at = 0; at < ids.length; at += looksAtOnce) {
    const batch = ids.slice(at, at + looksAtOnce)
    found.push(...(await Promise.all(batch.map(id => folderState(repository, id, signal, shelf)))))
  }
  return found.filter(state => state !== undefined)
}

async function folderState(
  { storage, identity }: Repository,
  id: string,
  signal: AbortSignal,
  shelf: Shelf,
): Promise<FolderState | undefined> {
  const folder = `${shelf.folder(identity.cluster, id)}/`
  let state: FolderState['state'] | undefined
  for await (const { key } of storage.list(folder, signal)) {
    const told = stateOf(key.slice(folder.length), shelf)
    if (told !== 'awaiting') return { id, state: told === 'incomplete' ? (state ?? told) : told }
    state = told
  }
  return state && { id, state }
}

function stateOf(name: string, shelf: Shelf): FolderState['state'] {
  return name === shelf.commitName ? 'committed' : name === awaitingName ? 'awaiting' : 'incomplete'
}
