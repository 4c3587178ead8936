/** Locks in words, for people. */
import type { LockReport } from '../operations/lock/lock-report.ts'
import { formatTime } from '../base/units.ts'
import { counted, tableOf } from './table.ts'

export interface LocksOfRepository extends LockReport {
  readonly repository: string
}

export function lockTables(reports: readonly LocksOfRepository[]): string {
  return reports.map(lockTable).join('\n')
}

function lockTable(report: LocksOfRepository): string {
  const rows = [
    ...[...report.backups, ...report.dumps].map(({ name, until, reason }) => ({ what: name, until, reason })),
    ...report.wal.map(({ name, last, until, reason }) => ({
      what: name === last ? `WAL ${name}` : `WAL ${name} to ${last}`,
      until,
      reason,
    })),
  ]
  const table = tableOf(rows, [
    { head: 'LOCKED', of: ({ what }) => what },
    { head: 'UNTIL', of: ({ until }) => formatTime(Math.floor(Date.parse(until) / 1000) * 1000) },
    { head: 'WHY', of: ({ reason }) => reason },
  ])
  return `${headOf(report)}\n${rows.length === 0 ? '' : table}`
}

function headOf({ repository, mode, extended, dryRun }: LocksOfRepository): string {
  const objects = counted(extended, 'object')
  const done = extended === 0 ? 'nothing had to be locked longer' : `${objects} locked (longer)`
  const planned = extended === 0 ? 'nothing has to be locked longer' : `${objects} would be locked (longer)`
  return `${repository}: ${mode} locks; ${dryRun ? planned : done}`
}
