/** What the decisions of src/policy want to know of a drill. */
import type { DrillFacts } from '../policy/drill-retention.ts'
import type { DrillSummary } from '../repository/format/drill-record.ts'
import { parseTime } from '../wal/time.ts'

export function drillFactsOf({ id, endedAt, source, outcome }: DrillSummary): DrillFacts {
  return {
    id,
    endedAt: parseTime(endedAt) ?? 0,
    repository: source.repository,
    kind: source.kind ?? undefined,
    isPassed: outcome === 'passed',
  }
}
