/** The table that is printed, and the page in bench/results. */
import { formatBytes } from '../src/base/units.ts'
import { isMet, ratioOf, type Row, type Target } from './figures.ts'
import type { MachineLimits } from './machine.ts'
import type { Summary } from './statistics.ts'

export interface Report {
  readonly date: string
  readonly command: string
  readonly machine: string
  /** Tools with version and settings, data, state of the caches: one line each. */
  readonly facts: readonly string[]
  readonly rows: readonly Row[]
  readonly limits: string
  /** Every single run. */
  readonly log: readonly string[]
}

/** A Markdown table whose columns also line up when it is read as text. */
export function renderTable(rows: readonly Row[]): string {
  const header = ['', 'Holdfast', 'pgBackRest', 'ratio', 'target', 'met']
  const lines = rows.map(row => [
    row.what,
    shown(row.ours, row),
    shown(row.theirs, row),
    ratioText(row),
    targetText(row),
    metText(row),
  ])
  const widths = header.map((title, column) =>
    Math.max(title.length, ...lines.map(line => (line[column] ?? '').length)),
  )
  const render = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join(' | ')} |`
  const rule = `|${widths.map((width, column) => (column === 0 ? `:${'-'.repeat(width + 1)}` : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  return [render(header), rule, ...lines.map(render)].join('\n')
}

export function renderReport(report: Report): string {
  return `# Bench of ${report.date}

\`${report.command}\`

${report.facts.map(fact => `- ${fact}`).join('\n')}
- Machine: ${report.machine}

Medians, with the least and the most of all runs in brackets. The ratio is ours over theirs.

${renderTable(report.rows)}

${report.limits}

## Every run

\`\`\`
${report.log.join('\n')}
\`\`\`
`
}

/** What no tool that compresses with zstd can be under on this machine, for this much data. */
export function renderLimits(limits: MachineLimits, dataSizeBytes: number): string {
  const rate = (bytesPerSecond: number): string => `${(bytesPerSecond / 1e6).toFixed(0)} MB/s`
  const seconds = (bytesPerSecond: number): string => `${(dataSizeBytes / bytesPerSecond).toFixed(1)} s`
  const read =
    limits.diskReadBytesPerSecond === undefined
      ? 'not measured (only root can empty the page cache)'
      : rate(limits.diskReadBytesPerSecond)
  return `The machine's limit, for ${formatBytes(dataSizeBytes)}: zstd level 3 on all cores compresses ${rate(limits.compressBytesPerSecond)} \
(${seconds(limits.compressBytesPerSecond)} at least for a backup) and decompresses ${rate(limits.decompressBytesPerSecond)} \
(${seconds(limits.decompressBytesPerSecond)}); the disk writes and syncs ${rate(limits.diskWriteBytesPerSecond)} \
(${seconds(limits.diskWriteBytesPerSecond)} for a restore) and reads ${read}.`
}

function shown(summary: Summary | undefined, { unit }: Row): string {
  if (!summary) return ''
  const number = (value: number): string =>
    value.toFixed(unit === 'requests' ? 0 : unit === 's' && value < 100 ? 2 : value < 100 ? 1 : 0)
  const spread = summary.count > 1 ? ` (${number(summary.min)}–${number(summary.max)})` : ''
  return `${number(summary.median)} ${unit}${spread}`
}

function ratioText(row: Row): string {
  return ratioOf(row)?.toFixed(2) ?? ''
}

function targetText({ target, unit }: Row): string {
  if (!target) return ''
  if (target.of === 'ratio') return `≤ ${target.atMost.toFixed(2)}`
  return `${limitText(target)} ${unit}`
}

function limitText(target: Target): string {
  if ('atLeast' in target) return `≥ ${String(target.atLeast)}`
  return `≤ ${String(target.atMost)}${target.of === 'max' ? ' (max)' : ''}`
}

function metText(row: Row): string {
  const met = isMet(row)
  return met === undefined ? '' : met ? 'yes' : 'NO'
}
