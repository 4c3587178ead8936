/** Decides which dumps are copied, and why. Touches nothing. A dump stands alone: it needs no WAL and no other dump. */
import { nameOfCommit } from '../../repository/commit-record.ts'
import type { DumpSummary } from '../../repository/format/dump-summary.ts'
import type { HeldDumps } from './holdings.ts'
import type { CopyRequest, LeftOut } from './plan.ts'
import { isUnread, unreadOf, type Unread } from './unread.ts'

export interface DumpStep {
  readonly kind: 'dump'
  readonly why: string
  readonly record: DumpSummary
  /** Of its objects, but for `dump.json`. */
  readonly bytes: number
}

export interface DumpsToCopy {
  readonly source: HeldDumps
  /** Ids of what the destination has. */
  readonly destination: ReadonlySet<string>
}

export interface ChosenDumps {
  readonly left: readonly LeftOut[]
  readonly impossible: readonly LeftOut[]
  readonly unread: readonly Unread[]
  /** The newest first. */
  readonly steps: readonly DumpStep[]
}

export function chooseDumps({
  dumps,
  ids,
  unwanted,
}: Pick<CopyRequest, 'dumps' | 'ids' | 'unwanted'>): ChosenDumps {
  if (!dumps) return { left: [], impossible: [], unread: [], steps: [] }
  const { source, destination } = dumps
  const isAsked = ({ id }: { readonly id: string }): boolean => ids?.includes(id) ?? true
  const others = source.others.filter(isAsked)
  const missing = source.dumps.filter(dump => !destination.has(dump.id) && isAsked(dump))
  const reasonAgainst = ({ id }: DumpSummary): string | undefined => (ids ? undefined : unwanted?.get(id))
  return {
    left: [
      ...others.filter(({ code }) => code === undefined).map(toldOf),
      ...missing.flatMap(dump => {
        const why = reasonAgainst(dump)
        return why === undefined ? [] : [toldOf({ id: dump.id, why })]
      }),
    ],
    impossible: others.filter(other => other.code !== undefined && !isUnread(other)).map(toldOf),
    unread: others.filter(other => isUnread(other) && !destination.has(other.id)).map(unreadOf),
    steps: missing
      .filter(dump => reasonAgainst(dump) === undefined)
      .toReversed()
      .map(record => ({ kind: 'dump', why: 'it is not there', record, bytes: record.sizes.storedBytes })),
  }
}

const toldOf = ({ id, why }: { readonly id: string; readonly why: string }): LeftOut => ({
  what: nameOfCommit(id),
  why,
})
