/** Reads what every copy of a backup has, from the first that has it whole. */
import type { Fault } from '../../base/fault.ts'
import { isRepositoryTrouble, nowhere, type TroubleLog } from './trouble.ts'
import { folderOfCopy, type BackupCopy } from './source.ts'

export interface Wanted {
  /** The object's name within the backup, which may differ from copy to copy. */
  readonly nameIn: (copy: BackupCopy) => string
  readonly troubles: TroubleLog
}

/** `read` is asked for one copy after the other until it does not fail; where there was an outage, last. */
export async function fromFirstCopy<T>(
  copies: readonly BackupCopy[],
  { nameIn, troubles }: Wanted,
  read: (copy: BackupCopy, key: string) => Promise<T>,
): Promise<T> {
  const out = troubles.unreachable()
  const inOrder = copies.toSorted(
    (a, b) => Number(out.includes(a.source.name)) - Number(out.includes(b.source.name)),
  )
  const failures: { readonly repository: string; readonly fault: Fault }[] = []
  for (const [i, copy] of inOrder.entries()) {
    const key = `${folderOfCopy(copy)}${nameIn(copy)}`
    try {
      return await read(copy, key)
    } catch (error) {
      if (!isRepositoryTrouble(error)) throw error
      failures.push({ repository: copy.source.name, fault: error })
      const next = inOrder[i + 1]
      if (next) troubles.add(troubleOf(copy, key, error, next))
    }
  }
  const [first] = copies
  throw nowhere(
    first ? `${nameIn(first)} of backup ${first.record.id}` : 'the backup',
    failures,
    copies.length,
  )
}

export function troubleOf(
  { source }: BackupCopy,
  object: string,
  { code, message }: Fault,
  next: BackupCopy | undefined,
): Parameters<TroubleLog['add']>[0] {
  return { repository: source.name, object, code, message, instead: next?.source.name }
}
