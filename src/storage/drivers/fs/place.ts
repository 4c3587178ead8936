/** What every part of the folder driver needs to know: where the repository lies, and whose its files shall be. */
import { stat } from 'node:fs/promises'
import type { ProcessIdentity } from '../../../base/process-identity.ts'
import type { World } from '../../../base/world.ts'

export interface Place {
  readonly root: string
  readonly fileMode: number
  readonly folderMode: number
  /** Set when we are root and the repository's folder is somebody else's: what we make is given to them. */
  readonly owner: Owner | undefined
  readonly self: ProcessIdentity
  readonly world: World
}

export interface Owner {
  readonly uid: number
  readonly gid: number
}

export const stagingName = '.staging'

export function pathOf({ root }: Place, key: string): string {
  return `${root}/${key}`
}

/**
 * Without this, a command run once by root would leave folders that the server's archive_command, which runs as
 * another user, can not write to: WAL would pile up because somebody typed `sudo`.
 */
export async function ownerOf(root: string): Promise<Owner | undefined> {
  if (process.geteuid?.() !== 0) return undefined
  const { uid, gid } = await stat(root)
  return uid === 0 ? undefined : { uid, gid }
}
