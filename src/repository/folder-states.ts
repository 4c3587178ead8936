/**
 * What stands in folders of backups, told from the first few names in each: `awaiting-wal.json` and `backup.json` come
 * before everything else there. Packs are not listed: behind a folder that is known, the list goes on with the next one.
 */
import { limits } from '../base/limits.ts'
import type { BackupFolder } from './backup-folders.ts'
import { backupIdPattern } from './format/values.ts'
import { afterBackup, awaitingName, backupFolder, backupsPrefix, commitName } from './layout.ts'
import type { Repository } from './repository.ts'

export type FolderState = Pick<BackupFolder, 'id' | 'state'>

/** Of a folder's packs so many are passed over one by one; leaping over more of them costs a request. */
const keysPassedMax = limits.storageListPageKeys / 2

/** The folders behind this one, in the order of their names; all when there is none. */
export async function foldersAfter(
  repository: Repository,
  id: string | undefined,
  signal: AbortSignal,
): Promise<readonly FolderState[]> {
  const { cluster } = repository.identity
  const found: FolderState[] = []
  let after = id === undefined ? undefined : afterBackup(cluster, id)
  for (;;) {
    const leap = await listUntilLeap(repository, after, found, signal)
    if (leap === undefined) return found
    after = afterBackup(cluster, leap)
  }
}

/** Returns the folder behind which to go on, when it is a long one. */
async function listUntilLeap(
  { storage, identity }: Repository,
  after: string | undefined,
  found: FolderState[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const prefix = backupsPrefix(identity.cluster)
  let passed = 0
  for await (const { key } of storage.list({ prefix, after }, signal)) {
    const [id = '', ...rest] = key.slice(prefix.length).split('/')
    if (!backupIdPattern.test(id)) continue
    const last = found.at(-1)
    const state = stateOf(rest.join('/'))
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
): Promise<readonly FolderState[]> {
  const found: (FolderState | undefined)[] = []
  for (let at = 0; at < ids.length; at += looksAtOnce) {
    const batch = ids.slice(at, at + looksAtOnce)
    found.push(...(await Promise.all(batch.map(id => folderState(repository, id, signal)))))
  }
  return found.filter(state => state !== undefined)
}

async function folderState(
  { storage, identity }: Repository,
  id: string,
  signal: AbortSignal,
): Promise<FolderState | undefined> {
  const folder = `${backupFolder(identity.cluster, id)}/`
  let state: FolderState['state'] | undefined
  for await (const { key } of storage.list(folder, signal)) {
    const told = stateOf(key.slice(folder.length))
    if (told !== 'awaiting') return { id, state: told === 'incomplete' ? (state ?? told) : told }
    state = told
  }
  return state && { id, state }
}

function stateOf(name: string): FolderState['state'] {
  return name === commitName ? 'committed' : name === awaitingName ? 'awaiting' : 'incomplete'
}
