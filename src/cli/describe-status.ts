/** `status` for people: the verdict, a table of the repositories, and what to do. */
import { formatDuration, second } from '../base/units.ts'
import type { StatusFinding } from '../policy/findings/finding.ts'
import { lagText } from '../operations/status/judge.ts'
import type { RepositoryStatus, StatusReport } from '../operations/status/status.ts'
import { formatMicros, parseTime } from '../wal/time.ts'
import { counted, listingOf, tableOf, type Column } from './table.ts'

const columns: readonly Column<RepositoryStatus>[] = [
  { head: 'REPOSITORY', of: ({ name }) => name },
  { head: 'ROLE', of: roleOf },
  { head: 'BACKUPS', of: ({ fault, backups }) => (fault ? '?' : String(backups)), align: 'right' },
  { head: 'NEWEST BACKUP', of: ({ newestBackup }) => newestBackup?.id ?? '-' },
  {
    head: 'AGE',
    of: ({ newestBackup }) => (newestBackup ? formatDuration(newestBackup.ageSeconds * second) : '-'),
  },
  { head: 'RESTORABLE UP TO', of: upTo },
  {
    head: 'ARCHIVE',
    of: ({ archive }) =>
      archive ? `${String(archive.backups + archive.dumps)}, the newest ${archive.newest}` : '-',
  },
  { head: 'LAG', of: ({ lag }) => (lag ? lagText(lag) : '-') },
]
/** Where there are dumps. */
const dumpColumn: Column<RepositoryStatus> = {
  head: 'NEWEST DUMP',
  of: ({ newestDump }) =>
    newestDump ? `${newestDump.id}, ${formatDuration(newestDump.ageSeconds * second)} old` : '-',
}
/** Where the server is a managed one. */
const managedColumn: Column<RepositoryStatus> = {
  head: 'SNAPSHOTS OF THE SERVER',
  of: ({ managed }) =>
    managed?.newest
      ? `${String(managed.snapshots)}, ${managed.restorable === managed.snapshots ? 'all' : String(managed.restorable)} there; the newest ${managed.newest.id}, ${formatDuration(managed.newest.ageSeconds * second)} old`
      : '-',
}
/** Only where there is something to tell. */
const owedColumn: Column<RepositoryStatus> = {
  head: 'OWED',
  of: ({ owed }) => (owed && owed.files > 0 ? counted(owed.files, 'WAL file') : '-'),
}

export function statusText({ state, objectives, repositories, findings }: StatusReport): string {
  const verdict =
    state === 'ok' ? 'OK: everything is as it should be' : `${state.toUpperCase()}: ${told(findings)}`
  const shown = [
    ...columns,
    ...(repositories.some(({ newestDump }) => newestDump !== null) ? [dumpColumn] : []),
    ...(repositories.some(({ managed }) => managed !== null) ? [managedColumn] : []),
    ...(repositories.some(({ owed }) => owed !== null) ? [owedColumn] : []),
  ]
  const promises = listingOf([
    ['RPO', rpoText(objectives.rpo)],
    ['RTO', rtoText(objectives.rto)],
  ])
  return `${verdict}\n\n${promises}\n${tableOf(repositories, shown)}${findings.map(findingText).join('')}`
}

/** `at most 12m 05s; target 1h`. */
function rpoText({ actualSeconds, isUpperBound, targetSeconds }: StatusReport['objectives']['rpo']): string {
  const target = targetSeconds === null ? '' : `; target ${formatDuration(targetSeconds * second)}`
  if (actualSeconds === null) return `not to be told${target}`
  if (actualSeconds === 0 && !isUpperBound) return `nothing would be lost now${target}`
  const bound = isUpperBound ? 'at most ' : ''
  return `${bound}${formatDuration(actualSeconds * second)} would be lost now${target}`
}

function rtoText({
  actualSeconds,
  slowestSeconds,
  drills,
  targetSeconds,
  phases,
}: StatusReport['objectives']['rto']): string | undefined {
  const target = targetSeconds === null ? '' : `; target ${formatDuration(targetSeconds * second)}`
  if (actualSeconds === null)
    return targetSeconds === null ? undefined : `not to be told before a drill${target}`
  const slowest =
    slowestSeconds === null || slowestSeconds <= actualSeconds
      ? ''
      : `, ${formatDuration(slowestSeconds * second)} at worst`
  const thaw = phases.find(({ name }) => name === 'thaw')
  const thawed = thaw ? `, ${formatDuration(thaw.expectedSeconds * second)} of it to thaw what lies cold` : ''
  return `${formatDuration(actualSeconds * second)} for a return${slowest}${thawed}, by ${counted(drills, 'drill')}${target}`
}

const told = ({ length }: readonly StatusFinding[]): string =>
  `${String(length)} ${length === 1 ? 'thing needs' : 'things need'} attention`

function findingText({ state, repository, message, fix, runbook }: StatusFinding): string {
  const about = repository === null ? '' : `${repository}: `
  return `\n${state.toUpperCase().padEnd(8)}  ${about}${message}\n          → ${fix}\n            ${runbook}\n`
}

function roleOf({ role, copyOf, fault }: RepositoryStatus): string {
  const roles = { first: 'written', also: 'written, too', idle: 'not written' } as const
  const text = role === 'copy' ? `copy of ${copyOf ?? ''}` : roles[role]
  return fault ? `${text}, OUT OF REACH` : text
}

/** The end of the newest window: the last commit, or the backup's own end where nothing was committed since. */
function upTo({ windows }: RepositoryStatus): string {
  const last = windows.at(-1)
  if (!last) return '-'
  const time = parseTime(last.to !== null && last.to > last.from ? last.to : last.from)
  return time === undefined ? '-' : formatMicros(time - (time % 1_000_000))
}
