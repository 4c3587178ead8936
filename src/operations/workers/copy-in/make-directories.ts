/** Makes the directories of a backup, before files are written into them. */
import { chmod, chown, mkdir } from 'node:fs/promises'
import { errnoOf } from '../../../base/fault.ts'
import type { ManifestDirectory } from '../../../repository/format/manifest.ts'
import type { FileOwner } from '../messages.ts'
import { unwritable } from './target-file.ts'

/** Parents stand before their children. One that is there already is given its mode and owner. */
export async function makeDirectories(
  targetDirectory: string,
  directories: readonly ManifestDirectory[],
  owner: FileOwner | undefined,
): Promise<void> {
  for (const { path, mode } of directories) {
    const directory = `${targetDirectory}/${path}`
    try {
      await mkdir(directory, { mode: 0o700 }).catch(unlessThere)
      // mkdir's own mode is cut by the umask.
      await chmod(directory, mode)
      if (owner) await chown(directory, owner.userId, owner.groupId)
    } catch (error) {
      throw unwritable(directory, error)
    }
  }
}

function unlessThere(error: unknown): void {
  if (errnoOf(error) !== 'EEXIST') throw error
}
