/**
 * Retention of reports of drills, in the same language as that of backups. Decides only.
 *
 * Drills of the same kind from the same repository are a series. One that failed counts like one that passed: both are
 * evidence. The last of each series stays, and so does the last that passed: it is what is known of the way back.
 */
import type { Micros } from '../wal/time.ts'
import { keptByRules, seriesOf, type KeepReason, type Kept, type MoreReasons } from './keep-rules.ts'
import type { RetentionRules } from './retention.ts'

export interface DrillFacts {
  readonly id: string
  readonly endedAt: Micros
  /** From where. */
  readonly repository: string
  /** Of what was restored; undefined when the drill did not come so far. */
  readonly kind: string | undefined
  readonly isPassed: boolean
}

export interface DrillVerdict {
  readonly drill: DrillFacts
  /** Kept when there is one. */
  readonly reasons: readonly KeepReason[]
}

/** In the order in which they were begun. */
export function planDrills(
  drills: readonly DrillFacts[],
  rules: Pick<RetentionRules, 'drills' | 'timeZone'>,
  nowMs: number,
  more: MoreReasons = new Map(),
): readonly DrillVerdict[] {
  const all = drills.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  const some = [...Map.groupBy(all, ({ repository, kind = '' }) => `${kind} from ${repository}`)]
  const kept = some.flatMap(([what, those]) => [
    ...keptByRules(
      seriesOf(those, () => true, { timeZone: rules.timeZone, nowMs }),
      rules.drills ?? {},
      0,
    ),
    ...lastOf(those, `the last drill of ${what}`),
    ...lastOf(
      those.filter(({ isPassed }) => isPassed),
      `the last drill of ${what} that passed`,
    ),
  ])
  const byDrill = Map.groupBy(kept, ({ thing }) => thing)
  return all.map(drill => ({
    drill,
    reasons: [...(more.get(drill.id) ?? []), ...(byDrill.get(drill) ?? []).map(({ reason }) => reason)],
  }))
}

function lastOf(those: readonly DrillFacts[], text: string): readonly Kept<DrillFacts>[] {
  return those
    .slice(-1)
    .map(thing => ({ thing, reason: { rule: 'minimum', text, untilMs: undefined, isSure: false } }))
}
