/** What the archive holds and takes, in words. */
import { formatBytes, formatTime } from '../base/units.ts'
import type { ArchiveReport } from '../operations/archive/archive.ts'
import type { ArchivedLine } from './run-archive.ts'
import { counted, tableOf } from './table.ts'

export function archiveText(report: ArchiveReport): string {
  const { rule, isDryRun, verdicts, objects, bytes, problems } = report
  const who = rule === undefined ? 'by hand' : `rule ${rule}`
  const chosen = verdicts.filter(({ what }) => what === 'archive')
  const failed = new Set(problems.map(({ id }) => id))
  const lines = verdicts
    .filter(({ what }) => what === 'archive' || isDryRun)
    .filter(({ id }) => !failed.has(id))
    .map(({ id, what, untilMs, reason }) => {
      if (what === 'left') return `  ${id} stays out: ${reason}`
      if (what === 'archived') return `  ${id} is archived: ${reason}`
      return `  ${id} ${isDryRun ? 'would be archived' : 'archived'} ${untilText(untilMs)}: ${reason}`
    })
  const total = isDryRun ? '' : `, ${counted(objects, 'object')} copied inside (${formatBytes(bytes)})`
  const first =
    chosen.length === 0 ? `${who}: nothing to archive` : `${who}: ${counted(chosen.length, 'backup')}${total}`
  return [
    first,
    ...lines,
    ...problems.map(({ id, message }) => `  ${id} is NOT archived: ${message}`),
    '',
  ].join('\n')
}

export function archiveContentsTable(lines: readonly ArchivedLine[]): string {
  return tableOf(lines, [
    { head: 'ARCHIVED', of: ({ id }) => id },
    { head: 'ENDED', of: ({ endedAt }) => formatTime(Date.parse(endedAt)) },
    { head: 'STORED', of: ({ storedBytes }) => formatBytes(storedBytes), align: 'right' },
    { head: 'KEPT', of: ({ reasons }) => reasons.map(({ text }) => text).join('; ') || 'no longer' },
    { head: 'IN', of: ({ repository }) => repository },
  ])
}

const untilText = (untilMs: number | undefined): string =>
  untilMs === undefined ? 'for ever' : `until ${formatTime(untilMs)}`
