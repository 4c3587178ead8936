/** A drill for people: the checklist with what was seen, and what it took. */
import { formatBytes, formatDuration } from '../base/units.ts'
import type { DrillObjective, DrillReport, DrillState } from '../repository/format/drill-record.ts'
import { listingOf } from './table.ts'

const marks: Readonly<Record<DrillState, string>> = { ok: 'ok', failed: 'FAILED', 'not-asked': 'not asked' }

/** Of what was seen, so many lines; the report has all of them. */
const evidenceShownMax = 5

export function drillListing(report: DrillReport): string {
  const { source, target, reached, fault, checklist, notes, id, outcome } = report
  const head = listingOf([
    ['drill', id],
    ['restored', source.backup === null ? undefined : `${source.backup} from ${source.repository}`],
    ['target', target.asked],
    ['reached', reachedText(reached)],
    ['took', phasesText(report)],
    ['RTO', objectiveText(report.rto)],
    ['RPO', objectiveText(report.rpo)],
  ])
  const lines = checklist.map(({ question, state, reason, evidence }) => {
    const why = reason === '' ? '' : `: ${reason}`
    const seen = state === 'not-asked' ? [] : evidence.slice(0, evidenceShownMax)
    const more = state === 'not-asked' ? 0 : evidence.length - seen.length
    const shown = [...seen, ...(more > 0 ? [`and ${String(more)} more lines in the report`] : [])]
    return `${marks[state].padEnd(9)}  ${question}${why}\n${shown.map(line => `${' '.repeat(11)}${line}\n`).join('')}`
  })
  const cut = fault ? `CUT OFF: ${fault.message}\n${' '.repeat(9)}${fault.hint}\n` : ''
  const told = notes.map(note => `note: ${note}\n`).join('')
  return `${head}\n${lines.join('')}\n${told}${cut}${outcome === 'passed' ? 'passed' : 'FAILED'}\n`
}

function reachedText(reached: DrillReport['reached']): string | undefined {
  if (!reached) return undefined
  const { lsn, time, timeline } = reached
  return `${lsn ?? '?'} on timeline ${String(timeline ?? '?')}${time === null ? '' : `, last commit at ${time}`}`
}

function phasesText({ phases, durationMs }: DrillReport): string {
  const each = phases.map(
    ({ name, durationMs: ms, bytes }) =>
      `${name} ${formatDuration(ms)}${bytes === null ? '' : ` (${formatBytes(bytes)})`}`,
  )
  return `${formatDuration(durationMs)}: ${each.join(', ')}`
}

function objectiveText({ actualMs, targetMs }: DrillObjective): string | undefined {
  if (actualMs === null) return undefined
  const target =
    targetMs === null ? '' : `, ${actualMs > targetMs ? 'MORE THAN' : 'within'} ${formatDuration(targetMs)}`
  return `${formatDuration(actualMs)}${target}`
}

/** What of it failed, in one line, for who gets no more than that. */
export function failureText({ checklist, fault, source }: DrillReport): string {
  const what =
    source.backup === null ? 'the drill' : `the drill of ${source.backup} from ${source.repository}`
  if (fault) return `${what} was cut off: ${fault.message}`
  const wrong = checklist.filter(({ state }) => state === 'failed')
  const told = wrong.map(({ id, reason }) => `${id} (${reason})`)
  return `${what}: ${String(wrong.length)} of ${String(checklist.length)} answers are wrong: ${told.join('; ')}`
}
