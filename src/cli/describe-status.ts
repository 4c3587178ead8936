/** `status` for people: the verdict, a table of the repositories, and what to do. */
import { formatDuration, second } from '../base/units.ts'
import { lagText, type StatusFinding } from '../operations/status/judge.ts'
import type { RepositoryStatus, StatusReport } from '../operations/status/status.ts'
import { formatMicros, parseTime } from '../wal/time.ts'
import { tableOf, type Column } from './table.ts'

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
  { head: 'LAG', of: ({ lag }) => (lag ? lagText(lag) : '-') },
]

export function statusText({ state, repositories, findings }: StatusReport): string {
  const verdict =
    state === 'ok' ? 'OK: everything is as it should be' : `${state.toUpperCase()}: ${told(findings)}`
  return `${verdict}\n\n${tableOf(repositories, columns)}${findings.map(findingText).join('')}`
}

const told = ({ length }: readonly StatusFinding[]): string =>
  `${String(length)} ${length === 1 ? 'thing needs' : 'things need'} attention`

function findingText({ state, repository, message, fix }: StatusFinding): string {
  return `\n${state.toUpperCase().padEnd(8)}  ${repository}: ${message}\n          → ${fix}\n`
}

function roleOf({ role, copyOf, fault }: RepositoryStatus): string {
  const roles = { first: 'written', also: 'written, too', idle: 'not written' } as const
  const text = role === 'copy' ? `copy of ${copyOf ?? ''}` : roles[role]
  return fault ? `${text}, OUT OF REACH` : text
}

/** The end of the newest window. */
function upTo({ windows }: RepositoryStatus): string {
  const last = windows.at(-1)
  if (!last) return '-'
  const time = parseTime(last.to ?? last.from)
  return time === undefined ? '-' : formatMicros(time - (time % 1_000_000))
}
