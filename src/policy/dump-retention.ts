/**
 * Retention of dumps, in the same language as that of base backups. Decides only.
 *
 * Dumps of the same selection are a series: a dump of one database that somebody made by hand does not take the place of
 * the nightly one of all. `minimum` counts newer dumps that hold at least as much, so that the last one of a database
 * that is dumped alone is kept, and what a newer dump of everything holds, too, is not kept for ever.
 */
import type { Lsn } from '../wal/lsn.ts'
import type { Micros } from '../wal/time.ts'
import {
  keptByRules,
  seriesOf,
  type KeepReason,
  type Kept,
  type MoreReasons,
  type Series,
} from './keep-rules.ts'
import type { RetentionRules } from './retention.ts'

export interface DumpFacts {
  readonly id: string
  readonly timeline: number
  readonly lsn: Lsn
  readonly endedAt: Micros
  /** All databases were asked for, and not only named ones. */
  readonly isOfAll: boolean
  /** Nothing of them was left out. */
  readonly isWhole: boolean
  readonly databases: readonly string[]
  /** Something that it names is missing. */
  readonly isDamaged: boolean
}

export interface DumpVerdict {
  readonly dump: DumpFacts
  /** Kept when there is one. */
  readonly reasons: readonly KeepReason[]
}

/** In the order in which they were made. */
export function planDumps(
  dumps: readonly DumpFacts[],
  rules: Pick<RetentionRules, 'dumps' | 'minimum' | 'timeZone'>,
  nowMs: number,
  more: MoreReasons = new Map(),
): readonly DumpVerdict[] {
  const all = dumps.toSorted(inOrder)
  const seriesWith = (some: readonly DumpFacts[]): Series<DumpFacts> =>
    seriesOf(some, isGood, { timeZone: rules.timeZone, nowMs })
  const selections = [...Map.groupBy(all, selectionOf).values()]
  const kept = [
    ...selections.flatMap(some => keptByRules(seriesWith(some), rules.dumps ?? {}, 0)),
    ...lastOnes(seriesWith(all), rules.minimum),
  ]
  const byDump = Map.groupBy(kept, ({ thing }) => thing)
  return all.map(dump => ({
    dump,
    reasons: [...(more.get(dump.id) ?? []), ...(byDump.get(dump) ?? []).map(({ reason }) => reason)],
  }))
}

const isGood = ({ isDamaged }: DumpFacts): boolean => !isDamaged

const inOrder = (a: DumpFacts, b: DumpFacts): number =>
  a.timeline - b.timeline ||
  (a.lsn < b.lsn ? -1 : a.lsn > b.lsn ? 1 : 0) ||
  a.endedAt - b.endedAt ||
  (a.id < b.id ? -1 : 1)

/** Databases come and go, and a dump of all stays one of all. */
function selectionOf({ isOfAll, isWhole, databases }: DumpFacts): string {
  return JSON.stringify([isWhole, isOfAll ? 'all' : databases.toSorted()])
}

/** Good ones that fewer than `minimum` newer ones cover. */
function lastOnes({ good, nowMs }: Series<DumpFacts>, minimum: number): readonly Kept<DumpFacts>[] {
  return good.flatMap((dump, index) => {
    const newer = good.slice(0, index).filter(other => covers(other, dump)).length
    if (newer >= minimum) return []
    const text = `one of the last ${String(minimum)} good ones of what it holds, of which there are never fewer`
    return [{ thing: dump, reason: { rule: 'minimum', text, untilMs: nowMs, isSure: false } }]
  })
}

/** Of what was left out nobody knows here, so only the very same selection covers what is not whole. */
function covers(newer: DumpFacts, older: DumpFacts): boolean {
  if (selectionOf(newer) === selectionOf(older)) return true
  if (!newer.isWhole) return false
  if (newer.isOfAll && older.isOfAll) return true
  return older.databases.every(name => newer.databases.includes(name))
}
