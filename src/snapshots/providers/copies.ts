/** What providers on file systems share: trees that come back as copies, and copies that are removed. */
import { rename, rm } from 'node:fs/promises'
import { errnoOf } from '../../base/fault.ts'
import { copyTree } from '../copy-tree.ts'
import { dropEmptyFolders } from '../folders.ts'
import type { RestoredPlace } from '../provider.ts'

export async function restoreByCopy(
  from: string,
  to: string,
  isSame: boolean,
  signal: AbortSignal,
): Promise<RestoredPlace> {
  const discard = async (): Promise<void> => {
    await rm(to, { recursive: true, force: true })
  }
  try {
    await copyTree({ from, to, clone: 'if possible', rules: { emptied: [], last: [] } }, signal)
  } catch (error) {
    await discard()
    throw error
  }
  const what = isSame
    ? 'a copy that shares its blocks with the snapshot'
    : 'a copy (on another file system, so every byte was copied)'
  return { what, volume: undefined, discard }
}

/** What is being removed is no snapshot any more, even when that is broken off. */
export async function removeTree(reference: string): Promise<void> {
  const gone = `${reference.replace(/\.part$/, '')}.part`
  try {
    if (gone !== reference) {
      await rm(gone, { recursive: true, force: true })
      await rename(reference, gone)
    }
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
  await rm(gone, { recursive: true, force: true })
  await dropEmptyFolders(gone)
}
