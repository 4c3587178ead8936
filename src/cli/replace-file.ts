/** A file for others that is replaced as a whole: whoever reads it sees the old one or the new one. */
import { Fault, messageOf } from '../base/fault.ts'
import { replaceDurably } from '../base/replace-durably.ts'

/** Collectors of metrics are other users. */
export async function replaceFile(path: string, text: string): Promise<void> {
  try {
    await replaceDurably(path, text, { mode: 0o644 })
  } catch (error) {
    throw new Fault('FAILED', `${path} can not be written: ${messageOf(error)}`, {
      hint: 'Make its folder for the user who runs this command, or name another file.',
      cause: error,
    })
  }
}
