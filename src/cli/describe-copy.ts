/** What a copy did, or would do, in words. */
import { formatBytes, formatDuration } from '../base/units.ts'
import type { CopyProblem, CopyReport, StepSummary } from '../operations/copy/report.ts'
import type { ThawPlan } from '../operations/thaw/thaw.ts'
import { thawRecord, thawText } from './describe-thaw.ts'
import { counted } from './table.ts'

export interface CopyOutcome {
  readonly report: CopyReport
  /** What it takes to read what is cold. */
  readonly thaw: ThawPlan | undefined
}

export function copyText({ report, thaw }: CopyOutcome): string {
  return `${report.isDryRun ? planText(report) : outcomeText(report)}${leftText(report)}${coldText(report, thaw)}${problemsText(report.problems)}`
}

/** For `--json`. Of what is cold there may be a hundred thousand objects: they are counted. */
export function copyRecord({ report, thaw }: CopyOutcome): unknown {
  const cold = report.cold.map(({ what, why, objects }) => ({
    what,
    why,
    objects: objects.length,
    bytes: objects.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  }))
  return { ...report, cold, thaw: thawRecord(thaw) }
}

function planText({ from, to, steps, totals, cold }: CopyReport): string {
  const copied = steps.filter(({ kind }) => !['check', 'trails'].includes(kind))
  if (copied.length === 0) {
    const trails = steps.filter(({ kind }) => kind === 'trails').map(stepLine)
    const why = cold.length > 0 ? ' that can be read' : `, "${to}" has what "${from}" has`
    return `${from} → ${to}: nothing to copy${why}\n${trails.join('')}`
  }
  const managed = steps.filter(({ kind }) => kind === 'managed').length
  const drills = steps.filter(({ kind }) => kind === 'drill').length
  const sum = `${countsOf({ ...totals, managed, drills })}, ${formatBytes(totals.bytes)}`
  return `${from} → ${to}: would copy ${sum}, in this order:\n${steps.map(stepLine).join('')}`
}

function stepLine({ kind, why, backup, dump, drill = '', walFiles = 0, wal, bytes }: StepSummary): string {
  const range = wal === undefined ? '' : wal[0] === wal[1] ? `: ${wal[0]}` : `: ${wal[0]} to ${wal[1]}`
  const files =
    kind === 'check' ? counted(walFiles, 'WAL file') + ' to be checked' : counted(walFiles, 'WAL file')
  const id = backup ?? dump
  if (kind === 'erasures') return `  requests to forget a person (${why})\n`
  if (kind === 'drill') return `  the report of ${drill} (${why})\n`
  if (kind === 'trails') return `  audit trails (${why})\n`
  if (kind === 'managed') return `  the record of ${id ?? ''} (${why}; ${staysText})\n`
  const what = id === undefined ? `${files}${range}` : `${kind} ${id}`
  const stays = backup?.endsWith('-snapshot') === true ? `; ${staysText}` : ''
  return `  ${what}, ${formatBytes(bytes)} (${why}${stays})\n`
}

function outcomeText({ from, to, copied, durationMs, problems, cold }: CopyReport): string {
  const took = `took ${formatDuration(durationMs)}`
  const checked = copied.checked === 0 ? '' : `; ${counted(copied.checked, 'object')} found there checked`
  const unseen =
    copied.unproven === 0
      ? ''
      : `  ${counted(copied.unproven, 'WAL file')} copied without a key: damage from before can not be seen\n`
  const trails = copied.trails === 0 ? '' : `  ${counted(copied.trails, 'object')} of audit trails copied\n`
  if (copied.objects + copied.managed.length + problems.length + cold.length === 0)
    return `${from} → ${to}: nothing to copy, "${to}" has what "${from}" has${checked}; ${took}\n${trails}`
  const { backups, dumps, managed, drills, walFiles } = copied
  const counts = countsOf({
    backups: backups.length,
    dumps: dumps.length,
    managed: managed.length,
    drills: drills.length,
    walFiles,
  })
  const what = `${counts}, ${formatBytes(copied.bytes)}`
  const requests =
    copied.erasures === 0
      ? ''
      : `  ${counted(copied.erasures, 'object')} of requests to forget a person copied\n`
  return `${from} → ${to}: copied ${what}${checked}; ${took}\n${unseen}${requests}${trails}${stayText(copied)}`
}

type Counts = Omit<CopyReport['totals'], 'bytes'> & { readonly managed: number; readonly drills: number }

/** Dumps, records of a managed server's snapshots and reports of drills are told of where there are any. */
function countsOf({ backups, dumps, managed, drills, walFiles }: Counts): string {
  const told = [
    counted(backups, 'backup'),
    ...(dumps === 0 ? [] : [counted(dumps, 'dump')]),
    ...(managed === 0 ? [] : [`${counted(managed, 'record')} of a managed server's snapshots`]),
    ...(drills === 0 ? [] : [counted(drills, 'report') + ` of ${drills === 1 ? 'a drill' : 'drills'}`]),
  ]
  return `${told.join(', ')} and ${counted(walFiles, 'WAL file')}`
}

const staysText = 'its data stays where the provider keeps it'

/** Whoever copies for a second region should not believe that this brings the volumes there. */
function stayText({ backups, managed }: CopyReport['copied']): string {
  const entries = [...backups.filter(id => id.endsWith('-snapshot')), ...managed]
  if (entries.length === 0) return ''
  const which = entries.length === 1 ? (entries[0] ?? '') : counted(entries.length, 'snapshot')
  return `  of ${which} only the record and the label files were copied: the data stays where the provider keeps it (\`snapshots.copy_to\` has it copied to another region)\n`
}

/** A long list of the same says no more than its ends. */
function leftText({ left }: CopyReport): string {
  const wordOf = (what: string): string => what.split(' ')[0] ?? ''
  const alike = Map.groupBy(left, ({ what, why }) => `${wordOf(what)} ${why}`)
  return [...alike.values()]
    .map(these => {
      const names = these.map(({ what }) => what)
      const [{ why, what } = { why: '', what: '' }] = these
      const told =
        names.length <= 3
          ? names.join(', ')
          : `${counted(names.length, wordOf(what))}, ${what} to ${names.at(-1)?.replace(/^\w+ /, '') ?? ''}`
      return `  left out: ${told}: ${why}\n`
    })
    .join('')
}

/** What a rule of the destination leaves out is not asked for, however cold it is. */
function coldText({ cold, from }: CopyReport, thaw: ThawPlan | undefined): string {
  if (cold.length === 0) return ''
  const parts = cold.map(({ what, why }) => `  COLD     ${what}: ${why}\n`).join('')
  const takes = thaw ? ` in "${from}": ${thawText(thaw)}` : ''
  return `\n${parts}           lies in a cold storage class${takes}\n           → It is not damaged, and was left where it is. Run the copy with --thaw (standard), --thaw bulk or --thaw expedited: it asks for it, waits, and copies it then.\n`
}

export function problemsText(problems: readonly CopyProblem[]): string {
  return problems.map(({ message, hint }) => `\n  PROBLEM  ${message}\n           → ${hint}\n`).join('')
}
