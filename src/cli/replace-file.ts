/** A file for others that is replaced as a whole: whoever reads it sees the old one or the new one. */
import { open, rename, rm } from 'node:fs/promises'
import { Fault, messageOf } from '../base/fault.ts'

/** Its unfinished name does not end like the file's: collectors go by endings. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const unfinished = `${path}.${String(process.pid)}`
  try {
    const file = await open(unfinished, 'w', 0o644)
    try {
      await file.writeFile(text)
      // Whatever the user's mask: collectors are other users.
      await file.chmod(0o644)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(unfinished, path)
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => undefined)
    throw new Fault('FAILED', `${path} can not be written: ${messageOf(error)}`, {
      hint: 'Make its folder for the user who runs this command, or name another file.',
      cause: error,
    })
  }
}
