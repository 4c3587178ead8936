/** All kinds of backups in one table, oldest first. */
import { formatBytes, formatDuration } from '../base/units.ts'
import type { KnownBackup } from '../operations/sources/catalog.ts'
import type { KnownDump } from '../operations/sources/dumps.ts'
import { stateOf, timeOf } from './describe-backup.ts'
import { selectionOf } from './describe-dump.ts'
import { tableOf, type Column } from './table.ts'

interface Row {
  readonly id: string
  readonly kind: string
  readonly startedAt: string
  readonly endedAt: string
  readonly durationMs: number
  readonly rawBytes: number
  readonly storedBytes: number
  readonly timeline: number
  readonly wal: string
  readonly state: string
  readonly label: string
  readonly repositories: readonly string[]
}

const columns: readonly Column<Row>[] = [
  { head: 'ID', of: ({ id }) => id },
  { head: 'KIND', of: ({ kind }) => kind },
  { head: 'ENDED', of: ({ endedAt }) => timeOf(endedAt) },
  { head: 'TOOK', of: ({ durationMs }) => formatDuration(durationMs), align: 'right' },
  { head: 'DATA', of: ({ rawBytes }) => formatBytes(rawBytes), align: 'right' },
  { head: 'STORED', of: ({ storedBytes }) => formatBytes(storedBytes), align: 'right' },
  { head: 'TIMELINE', of: ({ timeline }) => String(timeline), align: 'right' },
  { head: 'WAL', of: ({ wal }) => wal },
  { head: 'STATE', of: ({ state }) => state },
  { head: 'LABEL', of: ({ label }) => label },
  { head: 'REPOSITORIES', of: ({ repositories }) => repositories.join(', ') },
]

/** `hasSeveral`: there is more than one repository, so that it matters which. */
export function catalogTable(
  backups: readonly Pick<KnownBackup, 'summary' | 'sources'>[],
  dumps: readonly KnownDump[],
  hasSeveral: boolean,
  held: ReadonlySet<string> = new Set(),
): string {
  const rows = oldestFirst(backups.map(rowOfBackup), dumps.map(rowOfDump)).map(row =>
    held.has(row.id) ? { ...row, state: `${row.state}, held` } : row,
  )
  const shown = columns.filter(
    ({ head }) =>
      (head !== 'LABEL' || rows.some(({ label }) => label !== '')) && (head !== 'REPOSITORIES' || hasSeveral),
  )
  return tableOf(rows, shown)
}

/** Backups keep their order, which is that of their WAL; dumps stand between them by their times. */
export function oldestFirst<
  A extends { readonly startedAt: string },
  B extends { readonly startedAt: string },
>(backups: readonly A[], dumps: readonly B[]): readonly (A | B)[] {
  const left = [...dumps]
  const merged: (A | B)[] = []
  for (const backup of backups) {
    while (left[0] && left[0].startedAt < backup.startedAt) merged.push(...left.splice(0, 1))
    merged.push(backup)
  }
  return [...merged, ...left]
}

function rowOfBackup({ summary, sources }: Pick<KnownBackup, 'summary' | 'sources'>): Row {
  const { id, kind, startedAt, endedAt, durationMs, sizes, timeline, startLsn, stopLsn, label } = summary
  return {
    ...{ id, kind, startedAt, endedAt, durationMs, timeline, label },
    rawBytes: sizes.rawBytes,
    storedBytes: sizes.storedBytes,
    wal: `${startLsn} to ${stopLsn}`,
    state: stateOf(summary),
    repositories: sources.map(({ name }) => name),
  }
}

function rowOfDump({ summary, sources }: KnownDump): Row {
  const { id, kind, startedAt, endedAt, durationMs, sizes, timeline, lsn, label } = summary
  return {
    ...{ id, kind, startedAt, endedAt, durationMs, timeline, label },
    rawBytes: sizes.rawBytes,
    storedBytes: sizes.storedBytes,
    wal: `at ${lsn}`,
    state: selectionOf(summary),
    repositories: sources.map(({ name }) => name),
  }
}
