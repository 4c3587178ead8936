/** Drills in a table, and how the time to return has changed. */
import { formatDuration } from '../base/units.ts'
import type { KnownDrill } from '../operations/drill/report/united-drills.ts'
import type { DrillObjective, DrillSummary } from '../repository/format/drill-record.ts'
import { timeOf } from './describe-backup.ts'
import { tableOf } from './table.ts'

export function drillTable(drills: readonly KnownDrill[]): string {
  return tableOf(
    drills.map(({ summary }) => summary),
    [
      { head: 'drill', of: ({ id }) => id },
      { head: 'started', of: ({ startedAt }) => timeOf(startedAt) },
      { head: 'outcome', of: ({ outcome }) => (outcome === 'failed' ? 'FAILED' : outcome) },
      { head: 'answers', of: answersText },
      { head: 'restored', of: ({ source }) => source.backup ?? 'nothing' },
      { head: 'from', of: ({ source }) => source.repository },
      { head: 'RTO', of: ({ rto }) => objectiveText(rto), align: 'right' },
      { head: 'RPO', of: ({ rpo }) => objectiveText(rpo), align: 'right' },
    ],
  )
}

function answersText({ answers: { ok, failed, notAsked } }: DrillSummary): string {
  const parts = [
    `${String(ok)} ok`,
    failed > 0 && `${String(failed)} wrong`,
    notAsked > 0 && `${String(notAsked)} not asked`,
  ]
  return parts.filter(part => part !== false).join(', ')
}

function objectiveText({ actualMs, targetMs }: DrillObjective): string {
  if (actualMs === null) return '-'
  return `${formatDuration(actualMs)}${targetMs !== null && actualMs > targetMs ? ' (over)' : ''}`
}

const trendMax = 24
const blocks = '▁▂▃▄▅▆▇█'

/** `time to return: ▁▂▃▃▅█ from 5m 10s to 9m 29s`; nothing before there are two to compare. */
export function trendText(drills: readonly DrillSummary[]): string | undefined {
  const times = drills.flatMap(({ rto }) => rto.actualMs ?? []).slice(-trendMax)
  const [first, last] = [times[0], times.at(-1)]
  if (times.length < 2 || first === undefined || last === undefined) return undefined
  const highest = Math.max(...times, 1)
  const line = times.map(ms => blocks[Math.min(7, Math.floor((8 * ms) / highest))] ?? '').join('')
  return `time to return, ${String(times.length)} drills: ${line}  ${formatDuration(first)} then, ${formatDuration(last)} now`
}
