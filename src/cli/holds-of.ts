/** What is held of what a list or a page shows, as a column and for programs. */
import { isFault } from '../base/fault.ts'
import { formatTime } from '../base/units.ts'
import type { HoldRecord } from '../repository/format/hold-record.ts'
import { readHolds } from '../repository/holds.ts'
import type { Source } from '../operations/sources/source.ts'

export interface NamedHold extends Pick<HoldRecord, 'id' | 'reason' | 'until' | 'by' | 'at'> {
  readonly repository: string
}

/** A repository whose holds can not be read is passed over: what it holds is shown all the same. */
export async function holdsIn(
  sources: readonly Pick<Source, 'name' | 'repository'>[],
  nowMs: number,
  signal: AbortSignal,
): Promise<readonly NamedHold[]> {
  const holds: NamedHold[] = []
  for (const { name, repository } of sources) {
    try {
      for (const { id, reason, until, by, at } of (await readHolds(repository, nowMs, signal)).values())
        holds.push({ id, reason, until, by, at, repository: name })
    } catch (error) {
      signal.throwIfAborted()
      if (!isFault(error)) throw error
    }
  }
  return holds
}

export function holdLine({ reason, until, by, repository }: NamedHold, hasSeveral: boolean): string {
  const when = until === null ? 'until it is released' : `until ${formatTime(Date.parse(until))}`
  return `held       ${when} by ${by}: ${reason}${hasSeveral ? ` (${repository})` : ''}\n`
}

/** For `list --json`: beside the record of what is held, by whom; of everything else the record alone. */
export function withHolds<T extends { readonly id: string }>(
  records: readonly T[],
  holds: readonly NamedHold[],
): readonly (T & { readonly holds?: readonly NamedHold[] })[] {
  return records.map(record => {
    const own = holds.filter(({ id }) => id === record.id)
    return own.length === 0 ? record : { ...record, holds: own }
  })
}
