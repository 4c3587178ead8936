/** Notes of what was locked until when: numbered, immutable, the newest counts. */
import { isFault } from '../base/fault.ts'
import { encodeLockNote, parseLockNote, type LockNote } from './format/lock-note.ts'
import { locksFolder, numberedKey } from './layout.ts'
import { deleteBelow, highestNumber, readHighest } from './numbered-objects.ts'
import { writeOnce } from './objects.ts'
import type { Repository } from './repository.ts'

/** Undefined when there is none that can be used; then everything is locked once more, which harms nothing. */
export async function readLockNote(
  { storage, identity }: Repository,
  signal: AbortSignal,
): Promise<LockNote | undefined> {
  try {
    const newest = await readHighest(storage, locksFolder(identity.cluster), parseLockNote, signal)
    return newest?.value.cluster === identity.cluster ? newest.value : undefined
  } catch (error) {
    if (isFault(error, 'OBJECT_CORRUPT', 'REPOSITORY_FORMAT')) return undefined
    throw error
  }
}

/**
 * When somebody else wrote one at the same time, theirs stays: what it does not say is locked again by the next run.
 * Where notes can not be written or old ones not deleted, that is no reason to fail: the locks are set.
 */
export async function writeLockNote(
  { storage, identity }: Repository,
  note: Omit<LockNote, 'format' | 'cluster' | 'number'>,
  signal: AbortSignal,
): Promise<void> {
  const folder = locksFolder(identity.cluster)
  try {
    const number = (await highestNumber(storage, folder, signal)) + 1
    const whole: LockNote = { format: 1, cluster: identity.cluster, number, ...note }
    const outcome = await writeOnce(storage, numberedKey(folder, number), encodeLockNote(whole), signal)
    if (outcome !== 'other') await deleteBelow(storage, folder, number, signal)
  } catch (error) {
    if (!isFault(error)) throw error
  }
}
