/** Files that `init` makes: whole or not at all, never in place of one that is there, and owned by who has to read them. */
import { randomUUID } from 'node:crypto'
import { link, mkdir, open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Fault, errnoOf, messageOf } from '../../base/fault.ts'

export interface FileOwner {
  readonly uid: number
  readonly gid: number
}

/** False when there is such a file already; it is left as it is. */
export async function writeNewFile(
  path: string,
  text: string,
  { mode, owner }: { readonly mode: number; readonly owner: FileOwner | undefined },
): Promise<boolean> {
  const temporary = `${path}.${randomUUID()}.tmp`
  try {
    await mkdir(dirname(path), { recursive: true })
    const file = await open(temporary, 'wx', mode)
    try {
      await file.chmod(mode)
      if (owner) await file.chown(owner.uid, owner.gid)
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await link(temporary, path)
    await syncFolder(dirname(path))
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    const hint = 'Run it as a user who may write there, or name another place with --config FILE.'
    throw new Fault('FAILED', `${path} can not be written: ${messageOf(error)}`, { hint, cause: error })
  } finally {
    await rm(temporary, { force: true }).catch(() => undefined)
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
