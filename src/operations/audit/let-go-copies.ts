/**
 * Lets go of old copies of audit trails in a repository: of each chain the objects at its beginning that were written before a
 * time, and so hold nothing younger. Needs no key. An object says first up to where, with the hash of the last entry that
 * goes, so that what is left is still a chain with a known beginning. The newest object of each chain stays.
 */
import { isFault } from '../../base/fault.ts'
import type { Head } from '../../audit/entry.ts'
import { putTrailStart, readStoredTrails, type StoredTrails } from '../../repository/audit-batches.ts'
import type { Repository } from '../../repository/repository.ts'

export interface OldCopies {
  /** The newest entry that goes. */
  readonly start: Head
  /** The objects that go, oldest first; then those that said so of less. */
  readonly keys: readonly string[]
}

/** Decides only. What another repository let go, and a copy brought word of, goes here too: it came here later than it was written. */
export function planOldCopies({ batches, starts }: StoredTrails, olderThanMs: number): readonly OldCopies[] {
  const plans: OldCopies[] = []
  for (const [chain, some] of Map.groupBy(batches, batch => batch.chain)) {
    const said = starts.filter(start => start.chain === chain)
    const letGo = Math.max(0, ...said.map(({ n }) => n))
    const going: typeof some = []
    for (const batch of some.slice(0, -1)) {
      if (batch.modifiedMs >= olderThanMs && batch.last > letGo) break
      going.push(batch)
    }
    const newest = going.toSorted((a, b) => a.last - b.last).at(-1)
    if (!newest) continue
    const { last, hash } = newest
    const surpassed = said.filter(({ n }) => n < last)
    const keys = [...going, ...surpassed].map(({ key }) => key)
    plans.push({ start: { chain, n: last, hash }, keys })
  }
  return plans
}

export const findOldCopies = async (
  repository: Repository,
  olderThanMs: number,
  signal: AbortSignal,
): Promise<readonly OldCopies[]> => planOldCopies(await readStoredTrails(repository, signal), olderThanMs)

/** What is locked stays until it is not; other faults are thrown. */
export async function letGoCopies(
  repository: Repository,
  old: OldCopies,
  signal: AbortSignal,
): Promise<'gone' | 'locked'> {
  await putTrailStart(repository, old.start, signal)
  try {
    await repository.storage.delete(old.keys, signal)
    return 'gone'
  } catch (error) {
    if (isFault(error, 'OBJECT_LOCKED')) return 'locked'
    throw error
  }
}
