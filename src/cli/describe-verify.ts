/** What `verify` found, in words. */
import { formatBytes, formatDuration } from '../base/units.ts'
import type {
  Finding,
  VerifiedBackup,
  VerifiedDump,
  VerifiedManaged,
  VerifyReport,
} from '../operations/verify/report.ts'
import type { VerifyOutcome } from './verify-setup.ts'
import { counted, tableOf, type Column } from './table.ts'

const columns: readonly Column<VerifiedBackup>[] = [
  { head: 'BACKUP', of: ({ id }) => id },
  { head: 'RESTORABLE', of: restorableText },
  { head: 'PACKS', of: ({ packs }) => String(packs), align: 'right' },
  { head: 'FILES', of: ({ files }) => String(files), align: 'right' },
  { head: 'READ', of: ({ bytes }) => formatBytes(bytes), align: 'right' },
  { head: 'PAGES', of: ({ pagesChecked }) => String(pagesChecked), align: 'right' },
  {
    head: 'SOURCE',
    of: ({ pagesCorrupt }) => (pagesCorrupt === 0 ? 'good' : counted(pagesCorrupt, 'corrupt page')),
  },
]

const dumpColumns: readonly Column<VerifiedDump>[] = [
  { head: 'DUMP', of: ({ id }) => id },
  { head: 'RESTORABLE', of: restorableText },
  { head: 'DATABASES', of: ({ databases }) => String(databases), align: 'right' },
  { head: 'TABLES', of: ({ tables }) => String(tables), align: 'right' },
  { head: 'ROWS', of: ({ rows }) => String(rows), align: 'right' },
  { head: 'READ', of: ({ bytes }) => formatBytes(bytes), align: 'right' },
]

const managedColumns: readonly Column<VerifiedManaged>[] = [
  { head: 'SNAPSHOT OF A SERVER', of: ({ id }) => id },
  { head: 'RESTORABLE', of: ({ isRestorable, snapshot }) => restorableThere(isRestorable, snapshot) },
  { head: 'THERE', of: ({ snapshot }) => snapshot },
  { head: 'COPY', of: ({ copy }) => (copy ? `${copy.region}: ${copy.state}` : '-') },
]

const restorableThere = (isRestorable: boolean, state: VerifiedManaged['snapshot']): string =>
  isRestorable ? 'yes' : state === 'unknown' ? 'not known' : 'NO'

export function verifyListing({
  backups,
  dumps,
  managed,
  wal,
  findings,
  notChecked,
  durationMs,
}: VerifyReport): string {
  const table =
    backups.length === 0 ? (managed.length === 0 ? 'no backups\n' : '') : tableOf(backups, columns)
  const dumpTable = dumps.length === 0 ? '' : tableOf(dumps, dumpColumns)
  const managedTable = managed.length === 0 ? '' : tableOf(managed, managedColumns)
  const walLine = `WAL: ${counted(wal.segments, 'segment')} read, ${formatBytes(wal.bytes)}\n`
  const verdict =
    findings.length === 0
      ? notChecked.length === 0
        ? 'everything is as it was written'
        : 'what could be checked is as it was written'
      : `DAMAGE: ${counted(findings.length, 'finding')}`
  return `${table}${dumpTable}${managedTable}${walLine}${notChecked.map(line => `${line}\n`).join('')}${findingTexts(findings)}${verdict}; took ${formatDuration(durationMs)}\n`
}

/** Repository by repository. */
export function verifyListings(outcomes: readonly VerifyOutcome[]): string {
  return outcomes
    .map(
      outcome =>
        `repository ${outcome.repository}\n${'error' in outcome ? `NOT VERIFIED: ${outcome.error.message}\n` : verifyListing(outcome)}`,
    )
    .join('\n')
}

/** Without a key, all that can be said is that nothing speaks against it. */
function restorableText({ isRestorable, depth }: Pick<VerifiedBackup, 'isRestorable' | 'depth'>): string {
  if (!isRestorable) return 'NO'
  return { content: 'yes', hashes: 'by its hashes', sizes: 'by its sizes (cold)' }[depth]
}

/** Files that are hurt in the same way stand together: one damaged chunk may hold hundreds of them. */
function findingTexts(findings: readonly Finding[]): string {
  const alike = Map.groupBy(findings, ({ object, message, cost, path }) =>
    [object, message, cost, path === undefined].join('\n'),
  )
  return Array.from(alike.values(), findingText).join('')
}

const pathsShownMax = 5

function findingText(alike: readonly Finding[]): string {
  const [first] = alike
  if (!first) return ''
  const paths = alike.flatMap(({ path }) => path ?? [])
  const more = paths.length - pathsShownMax
  const shown = [...paths.slice(0, pathsShownMax), ...(more > 0 ? [`and ${counted(more, 'other')}`] : [])]
  const files = paths.length === 0 ? '' : `, ${paths.length === 1 ? 'file' : 'files'} ${shown.join(', ')}`
  return `\n${first.object}${files}\n  found: ${first.message}\n  costs: ${first.cost}\n`
}
