/** A file that is replaced as a whole: after a kill or a power failure at any moment there is the old one, or the new one. */
import { open, rename, rm } from 'node:fs/promises'

export interface NewFile {
  /** Whatever the user's mask; nobody but its owner reads it when this is not told. */
  readonly mode?: number | undefined
  /** Undefined: whoever runs this. */
  readonly owner?: { readonly userId: number; readonly groupId: number } | undefined
}

/** Throws what the system says; nothing of the new file is left then. That the name is durable, too, takes a sync of the folder. */
export async function replaceDurably(
  path: string,
  content: string | Uint8Array,
  { mode = 0o600, owner }: NewFile = {},
): Promise<void> {
  // Two processes may replace it at the same time; and the name does not end like the file's: others go by endings.
  const unfinished = `${path}.holdfast-${String(process.pid)}`
  try {
    const file = await open(unfinished, 'w', 0o600)
    try {
      await file.writeFile(content)
      if (owner) await file.chown(owner.userId, owner.groupId)
      if (mode !== 0o600) await file.chmod(mode)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(unfinished, path)
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => undefined)
    throw error
  }
}
