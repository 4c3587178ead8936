/** What a copy did, or would do, in words. */
import { formatBytes, formatDuration } from '../base/units.ts'
import type { CopyProblem, CopyReport, StepSummary } from '../operations/copy/report.ts'
import { counted } from './table.ts'

export function copyText(report: CopyReport): string {
  return `${report.isDryRun ? planText(report) : outcomeText(report)}${leftText(report)}${problemsText(report.problems)}`
}

function planText({ from, to, steps, totals }: CopyReport): string {
  const copied = steps.filter(({ kind }) => kind !== 'check')
  if (copied.length === 0) return `${from} → ${to}: nothing to copy, "${to}" has what "${from}" has\n`
  const sum = `${countsOf(totals.backups, totals.walFiles)}, ${formatBytes(totals.bytes)}`
  return `${from} → ${to}: would copy ${sum}, in this order:\n${steps.map(stepLine).join('')}`
}

function stepLine({ kind, why, backup, walFiles = 0, wal, bytes }: StepSummary): string {
  const range = wal === undefined ? '' : wal[0] === wal[1] ? `: ${wal[0]}` : `: ${wal[0]} to ${wal[1]}`
  const files =
    kind === 'check' ? counted(walFiles, 'WAL file') + ' to be checked' : counted(walFiles, 'WAL file')
  const what = backup === undefined ? `${files}${range}` : `backup ${backup}`
  return `  ${what}, ${formatBytes(bytes)} (${why})\n`
}

function outcomeText({ from, to, copied, durationMs, problems }: CopyReport): string {
  const took = `took ${formatDuration(durationMs)}`
  const checked = copied.checked === 0 ? '' : `; ${counted(copied.checked, 'object')} found there checked`
  const unseen =
    copied.unproven === 0
      ? ''
      : `  ${counted(copied.unproven, 'WAL file')} copied without a key: damage from before can not be seen\n`
  if (copied.objects === 0 && problems.length === 0)
    return `${from} → ${to}: nothing to copy, "${to}" has what "${from}" has${checked}; ${took}\n`
  const what = `${countsOf(copied.backups.length, copied.walFiles)}, ${formatBytes(copied.bytes)}`
  return `${from} → ${to}: copied ${what}${checked}; ${took}\n${unseen}`
}

function countsOf(backups: number, walFiles: number): string {
  return `${counted(backups, 'backup')} and ${counted(walFiles, 'WAL file')}`
}

/** A long list of the same says no more than its ends. */
function leftText({ left }: CopyReport): string {
  const byReason = Map.groupBy(left, ({ why }) => why)
  return [...byReason]
    .map(([why, these]) => {
      const names = these.map(({ what }) => what)
      const told =
        names.length <= 3
          ? names.join(', ')
          : `${String(names.length)} backups, ${names[0] ?? ''} to ${names.at(-1)?.replace('backup ', '') ?? ''}`
      return `  left out: ${told}: ${why}\n`
    })
    .join('')
}

export function problemsText(problems: readonly CopyProblem[]): string {
  return problems.map(({ message, hint }) => `\n  PROBLEM  ${message}\n           → ${hint}\n`).join('')
}
