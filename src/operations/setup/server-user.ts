/** The user of the operating system that PostgreSQL runs as: it has to read and write what `init` makes. */
import { stat } from 'node:fs/promises'
import type { FileOwner } from './new-file.ts'

/**
 * Undefined when files simply belong to us: we are not root, or the data directory is not on this host. `dataDirectory`
 * belongs to the server's user; PostgreSQL insists on it.
 */
export async function serverUserToServe(dataDirectory: string | undefined): Promise<FileOwner | undefined> {
  if (process.geteuid?.() !== 0 || dataDirectory === undefined) return undefined
  try {
    const { uid, gid } = await stat(dataDirectory)
    return uid === 0 ? undefined : { uid, gid }
  } catch {
    return undefined
  }
}
