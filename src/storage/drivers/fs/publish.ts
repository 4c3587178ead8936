/**
 * Gives a finished, synced file its name, never replacing one that is there.
 *
 * `link()` does this in one step. File systems without hard links (exFAT, some FUSE and SMB mounts) get a claim
 * instead: a file in `.staging/` named after the key, made with O_EXCL, which only one writer can hold; its holder
 * looks whether the name is free and renames. A claim lives for milliseconds; one that a crash leaves behind blocks
 * writing this one key until the staging sweep finds it old.
 */
import { createHash } from 'node:crypto'
import { link, lstat, open, rename, unlink } from 'node:fs/promises'
import { Fault, errnoOf } from '../../../base/fault.ts'
import { parentOf, type Folders } from './folders.ts'
import { pathOf, stagingName, type Place } from './place.ts'

/** Folders may be pruned by a sweep between being made and being used; nobody is that unlucky four times. */
const attemptsMax = 4

/** `staged` is gone afterwards, unless this throws. The name is durable, also when it was taken. */
export async function publish(
  place: Place,
  folders: Folders,
  staged: string,
  key: string,
): Promise<'written' | 'taken'> {
  const folder = parentOf(key)
  for (let attempt = 1; ; attempt++) {
    await folders.make(folder)
    try {
      const outcome = await linkOrRename(place, staged, key)
      // Also when taken: whoever published it may have died before this sync, and our caller will rely on it.
      await folders.sync(folder)
      return outcome
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || attempt >= attemptsMax) throw error
      folders.forget(folder)
    }
  }
}

async function linkOrRename(place: Place, staged: string, key: string): Promise<'written' | 'taken'> {
  const outcome = await linkTo(staged, pathOf(place, key))
  if (outcome === 'unsupported') return renameUnderClaim(place, staged, key)
  await unlink(staged)
  return outcome
}

async function linkTo(staged: string, path: string): Promise<'written' | 'taken' | 'unsupported'> {
  try {
    await link(staged, path)
    return 'written'
  } catch (error) {
    const errno = errnoOf(error) ?? ''
    if (errno === 'EEXIST') return 'taken'
    // EPERM is what file systems without hard links say; where it means missing rights, the rename says so again.
    if (['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(errno)) return 'unsupported'
    throw error
  }
}

export async function renameUnderClaim(
  place: Place,
  staged: string,
  key: string,
): Promise<'written' | 'taken'> {
  const claim = pathOf(place, `${stagingName}/claim-${createHash('sha256').update(key).digest('hex')}`)
  await makeClaim(claim, key)
  try {
    if (await exists(pathOf(place, key))) {
      await unlink(staged)
      return 'taken'
    }
    await rename(staged, pathOf(place, key))
    return 'written'
  } finally {
    await unlink(claim)
  }
}

async function makeClaim(claim: string, key: string): Promise<void> {
  try {
    await (await open(claim, 'wx', 0o600)).close()
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
    throw new Fault('STORAGE_UNAVAILABLE', `another writer is just publishing ${key}`, {
      hint: `Try again. If this lasts, a writer died while publishing: remove ${claim}.`,
      cause: error,
    })
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}
