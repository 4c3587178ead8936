/** Notes of what expiries are about to remove. There is none when nothing was cut off. */
import { limits } from '../base/limits.ts'
import { encodeExpiryNote, parseExpiryNote, type ExpiryNote } from './format/expiry-note.ts'
import { expiriesFolder, numberedKey } from './layout.ts'
import { highestNumber, numberOf } from './numbered-objects.ts'
import { readWhole, writeOnce } from './objects.ts'
import type { Repository } from './repository.ts'
import { Fault } from '../base/fault.ts'

export async function readExpiryNotes(
  { storage, identity }: Repository,
  signal: AbortSignal,
): Promise<readonly ExpiryNote[]> {
  const notes: ExpiryNote[] = []
  for await (const { key } of storage.list(`${expiriesFolder(identity.cluster)}/`, signal)) {
    if (numberOf(key) === 0) continue
    const bytes = await readWhole(storage, key, limits.recordSizeBytesMax, signal)
    if (bytes) notes.push(parseExpiryNote(bytes, key))
  }
  return notes
}

/** Who writes holds the lease `expire`. */
export async function writeExpiryNote(
  { storage, identity }: Repository,
  note: Omit<ExpiryNote, 'format' | 'cluster' | 'number'>,
  signal: AbortSignal,
): Promise<ExpiryNote> {
  const { cluster } = identity
  const folder = expiriesFolder(cluster)
  const number = (await highestNumber(storage, folder, signal)) + 1
  const whole: ExpiryNote = { format: 1, cluster, number, ...note }
  if ((await writeOnce(storage, numberedKey(folder, number), encodeExpiryNote(whole), signal)) !== 'other')
    return whole
  throw new Fault('LEASE_LOST', `somebody else expires ${cluster} at the same time`, {
    hint: 'Run the command again when that is done.',
  })
}

export function dropExpiryNote(
  { storage, identity }: Repository,
  { number }: ExpiryNote,
  signal: AbortSignal,
): Promise<void> {
  return storage.delete([numberedKey(expiriesFolder(identity.cluster), number)], signal)
}
