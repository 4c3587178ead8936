/** Columns that stand under one another. */
import { formatCount } from '../base/units.ts'

export interface Column<T> {
  readonly head: string
  readonly of: (row: T) => string
  /** Numbers stand at the right. */
  readonly align?: 'left' | 'right'
}

export function tableOf<T>(rows: readonly T[], columns: readonly Column<T>[]): string {
  const cells = [columns.map(({ head }) => head), ...rows.map(row => columns.map(column => column.of(row)))]
  const widths = columns.map((_, i) => Math.max(...cells.map(line => line[i]?.length ?? 0)))
  return cells.map(line => joined(line, columns, widths)).join('')
}

/** `label:  value` lines; those without a value are left out. */
export function listingOf(entries: readonly (readonly [label: string, value: string | undefined])[]): string {
  const told = entries.filter(([, value]) => value !== undefined && value !== '')
  const width = Math.max(0, ...told.map(([label]) => label.length))
  return told.map(([label, value]) => `${label.padEnd(width)}  ${value ?? ''}\n`).join('')
}

/** `1 file`, `3 files`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}

function joined<T>(
  line: readonly string[],
  columns: readonly Column<T>[],
  widths: readonly number[],
): string {
  const padded = line.map((cell, i) =>
    columns[i]?.align === 'right' ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0),
  )
  return `${padded.join('  ').trimEnd()}\n`
}
