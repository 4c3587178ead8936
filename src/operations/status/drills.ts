/** What the drills of a repository tell: the last one, and the last that passed. */
import type { DrillSummary } from '../../repository/format/drill-record.ts'

export interface DrillStatus {
  readonly id: string
  readonly outcome: 'passed' | 'failed'
  readonly endedAt: string
  readonly durationSeconds: number
  /** From its beginning until the server could be used; null when it did not come to that. */
  readonly rtoSeconds: number | null
  /** When the last one ended that passed; null: none did. */
  readonly lastPassedAt: string | null
}

/** Null where there was none, or where they may not be looked at. */
export function drillStatusOf(drills: readonly DrillSummary[]): DrillStatus | null {
  const inOrder = drills.toSorted((a, b) => (a.endedAt < b.endedAt ? -1 : 1))
  const last = inOrder.at(-1)
  if (!last) return null
  const { id, outcome, endedAt, durationMs, rto } = last
  return {
    id,
    outcome,
    endedAt,
    durationSeconds: durationMs / 1000,
    rtoSeconds: rto.actualMs === null ? null : rto.actualMs / 1000,
    lastPassedAt: inOrder.findLast(one => one.outcome === 'passed')?.endedAt ?? null,
  }
}
