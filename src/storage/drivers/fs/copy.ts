/**
 * Copies an object inside the folder: by a reference to the same blocks where the file system can, else the kernel copies
 * the bytes. Never by a hard link: two names of one file would both be damaged by one bad block, or one careless hand.
 */
import { constants } from 'node:fs'
import { copyFile, stat, unlink } from 'node:fs/promises'
import type { CopyOutcome } from '../../second-ports.ts'
import { guarded } from './faults.ts'
import type { Folders } from './folders.ts'
import { pathOf, type Place } from './place.ts'
import { publish } from './publish.ts'
import { isAbsence, missing } from './reader.ts'
import { openStaged } from './staging.ts'

/** A folder tells no hashes: who wants to be sure reads back. */
export async function copyObject(
  place: Place,
  folders: Folders,
  from: string,
  to: string,
  signal: AbortSignal,
): Promise<CopyOutcome> {
  const [source, there] = [await sizeOf(place, from), await sizeOf(place, to)]
  if (source === undefined) throw missing(pathOf(place, from), undefined)
  if (there !== undefined) return there === source ? 'taken' : 'different'
  return guarded('write', pathOf(place, to), async () => {
    const { path, handle } = await openStaged(place, folders)
    try {
      await copyFile(pathOf(place, from), path, constants.COPYFILE_FICLONE)
      await handle.sync()
      signal.throwIfAborted()
      if ((await handle.stat()).size !== source) throw new Error('the copy has another size')
      if ((await publish(place, folders, path, to)) === 'written') return 'made'
      return (await sizeOf(place, to)) === source ? 'taken' : 'different'
    } catch (error) {
      await unlink(path).catch(() => undefined)
      throw error
    } finally {
      await handle.close()
    }
  })
}

async function sizeOf(place: Place, key: string): Promise<number | undefined> {
  try {
    const info = await stat(pathOf(place, key))
    return info.isFile() ? info.size : undefined
  } catch (error) {
    if (isAbsence(error)) return undefined
    throw error
  }
}
