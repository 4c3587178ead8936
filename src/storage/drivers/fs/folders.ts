/**
 * Folders that survive a power cut: a new name is durable only when the folder that holds it was synced, and so
 * on upwards to the top of the repository.
 */
import { constants } from 'node:fs'
import { chown, mkdir, open, rmdir } from 'node:fs/promises'
import { errnoOf } from '../../../base/fault.ts'
import { pathOf, type Place } from './place.ts'

export interface Folders {
  /** Makes `folder` (relative, `''` is the top) and what is missing above it; all of it is durable afterwards. */
  make(folder: string): Promise<void>
  /** Makes durable which names `folder` holds. */
  sync(folder: string): Promise<void>
  /** Removes `folder` and those above it as long as they are empty. */
  prune(folder: string): Promise<void>
  /** Forgets that `folder` was durable: it turned out to be gone. */
  forget(folder: string): void
}

const foldersRememberedMax = 10_000

export function openFolders(place: Place): Folders {
  // Folders that this process has seen durable. One that is there but not in this set may have been made by
  // another process a moment ago and not be synced yet, so seeing it is not enough.
  const durable = new Set<string>([''])

  const make = async (folder: string): Promise<void> => {
    if (durable.has(folder)) return
    await make(parentOf(folder))
    await makeOne(place, folder)
    await syncFolder(pathOf(place, parentOf(folder)))
    if (durable.size >= foldersRememberedMax) durable.clear()
    durable.add('').add(folder)
  }

  const prune = async (folder: string): Promise<void> => {
    if (folder === '') return
    durable.delete(folder)
    try {
      await rmdir(pathOf(place, folder))
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') return
    }
    await prune(parentOf(folder))
  }

  return {
    make,
    prune,
    sync: folder => syncFolder(pathOf(place, folder)),
    forget: folder => {
      for (let at = folder; at !== ''; at = parentOf(at)) durable.delete(at)
    },
  }
}

export function parentOf(key: string): string {
  return key.slice(0, Math.max(0, key.lastIndexOf('/')))
}

async function makeOne(place: Place, folder: string): Promise<void> {
  const path = pathOf(place, folder)
  try {
    await mkdir(path, { mode: place.folderMode })
    if (place.owner) await chown(path, place.owner.uid, place.owner.gid)
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
  }
}

/** Some network and FUSE file systems have no sync of folders and say EINVAL: there, names are durable at once or never. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await handle.sync()
  } catch (error) {
    if (!['EINVAL', 'ENOTSUP', 'EOPNOTSUPP'].includes(errnoOf(error) ?? '')) throw error
  } finally {
    await handle.close()
  }
}
