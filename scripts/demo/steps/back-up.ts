/** A base backup of the running server. */
import { askHoldfast } from '../holdfast.ts'
import type { Scene } from '../story.ts'
import type { Writer } from '../writer.ts'

/** The part of backup.json that the demo speaks of. */
export interface BackupFigures {
  readonly id: string
  readonly durationMs: number
  readonly recipients: readonly string[]
  readonly sizes: { readonly rawBytes: number; readonly storedBytes: number }
  readonly checks: { readonly pagesChecked: number; readonly pagesCorrupt: number }
}

export async function backUp(
  { stage, tell, holdfast, signal }: Scene,
  { journal }: Writer,
): Promise<BackupFigures> {
  tell.step('A base backup, while the application works')
  tell.say(
    'Every file of the data directory is read, its pages checked, compressed and encrypted; the server and the application go on.',
  )
  const before = journal.length
  await holdfast(['backup'], { doing: 'backing up' })
  const meanwhile = journal.length - before
  const [backup, ...others] = await askHoldfast<readonly BackupFigures[]>(stage, ['list'], signal)
  if (!backup || others.length > 0) throw new Error('the repository does not hold exactly one backup')
  const { recipients, checks } = backup
  tell.check(`${String(meanwhile)} payments were made while the backup ran`, meanwhile > 0)
  tell.check('the backup is encrypted to a public key', recipients.length > 0)
  tell.check(
    `every one of ${checks.pagesChecked.toLocaleString('en-US')} pages had the right checksum`,
    checks.pagesChecked > 0 && checks.pagesCorrupt === 0,
  )
  return backup
}
