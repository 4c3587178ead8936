/** What `verify` found, in words. */
import { formatBytes, formatDuration } from '../base/units.ts'
import type { Finding, VerifiedBackup, VerifyReport } from '../operations/verify/report.ts'
import { counted, tableOf, type Column } from './table.ts'

const columns: readonly Column<VerifiedBackup>[] = [
  { head: 'BACKUP', of: ({ id }) => id },
  { head: 'RESTORABLE', of: ({ isRestorable }) => (isRestorable ? 'yes' : 'NO') },
  { head: 'PACKS', of: ({ packs }) => String(packs), align: 'right' },
  { head: 'FILES', of: ({ files }) => String(files), align: 'right' },
  { head: 'READ', of: ({ bytes }) => formatBytes(bytes), align: 'right' },
  { head: 'PAGES', of: ({ pagesChecked }) => String(pagesChecked), align: 'right' },
  {
    head: 'SOURCE',
    of: ({ pagesCorrupt }) => (pagesCorrupt === 0 ? 'good' : counted(pagesCorrupt, 'corrupt page')),
  },
]

export function verifyListing({ backups, wal, findings, durationMs }: VerifyReport): string {
  const table = backups.length === 0 ? 'no backups\n' : tableOf(backups, columns)
  const walLine = `WAL: ${counted(wal.segments, 'segment')} read, ${formatBytes(wal.bytes)}\n`
  const verdict =
    findings.length === 0
      ? 'everything is as it was written'
      : `DAMAGE: ${counted(findings.length, 'finding')}`
  return `${table}${walLine}${findings.map(findingText).join('')}${verdict}; took ${formatDuration(durationMs)}\n`
}

function findingText({ object, path, message, cost }: Finding): string {
  return `\n${object}${path === undefined ? '' : `, file ${path}`}\n  found: ${message}\n  costs: ${cost}\n`
}
