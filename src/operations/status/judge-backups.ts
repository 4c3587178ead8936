/** Decides what is wrong with backups by what their records say: damage that was seen, and sizes out of the ordinary. Touches nothing. */
import { limits } from '../../base/limits.ts'
import { formatBytes } from '../../base/units.ts'
import { findingOf, warningOf, type StatusFinding } from '../../policy/findings/finding.ts'
import type { BackupSummary } from '../../repository/format/backup-summary.ts'
import type { DumpSummary } from '../../repository/format/dump-summary.ts'

interface Sized {
  readonly id: string
  readonly endedAt: string
  readonly sizes: { readonly rawBytes: number }
}

type Backup = Sized &
  Pick<BackupSummary, 'kind'> & {
    readonly checks: Pick<BackupSummary['checks'], 'pagesCorrupt'>
  }
type Dump = Sized & Pick<DumpSummary, 'databases'>

/** The newest tells how the server is; older ones are told of by `list` and `verify`. */
export function ofCorruptPages(repository: string, backups: readonly Backup[]): readonly StatusFinding[] {
  const newest = inOrder(backups.filter(({ kind }) => kind !== 'snapshot')).at(-1)
  const pages = newest?.checks.pagesCorrupt ?? 0
  if (!newest || pages === 0) return []
  return [
    findingOf('backup-corrupt', {
      state: 'critical',
      repository,
      subject: newest.id,
      message: `in the newest backup, ${newest.id}, ${String(pages)} ${pages === 1 ? 'page fails its' : 'pages fail their'} checksum: the data of the server are damaged`,
      fix: `\`holdfast show ${newest.id}\` says in which files. Keep the last backup without damage: \`holdfast hold\`.`,
    }),
  ]
}

/** Full backups, and dumps of the same databases, against the median of those before. */
export function ofSizes(
  repository: string,
  backups: readonly Backup[],
  dumps: readonly Dump[],
): readonly StatusFinding[] {
  const full = backups.filter(({ kind }) => kind === 'full')
  const series = Map.groupBy(dumps, ({ databases }) => databases.map(({ name }) => name).join(' '))
  const all: readonly (readonly Sized[])[] = [full, ...series.values()]
  return all.flatMap(one => ofSeries(repository, one))
}

function ofSeries(repository: string, all: readonly Sized[]): readonly StatusFinding[] {
  const ordered = inOrder(all)
  const newest = ordered.at(-1)
  const before = ordered.slice(-1 - limits.statusSizeBasisMax, -1).map(({ sizes }) => sizes.rawBytes)
  if (!newest || before.length < limits.statusSizeBasisMin) return []
  const usual = before.toSorted((a, b) => a - b)[Math.floor(before.length / 2)] ?? 0
  const { rawBytes } = newest.sizes
  const factor = limits.statusSizeFactorMax
  const isUsual = rawBytes <= usual * factor && rawBytes * factor >= usual
  if (isUsual || Math.abs(rawBytes - usual) < limits.statusSizeBytesMin) return []
  return [
    warningOf('size-unusual', {
      repository,
      subject: newest.id,
      message: `${newest.id} holds ${formatBytes(rawBytes)}; usual are ${formatBytes(usual)}`,
      fix:
        rawBytes < usual
          ? 'See whether data is gone: a table that was dropped or emptied, a database that is not dumped any more.'
          : 'See what has grown, and whether repositories, the RTO and the cost can bear it.',
    }),
  ]
}

const inOrder = <T extends { readonly endedAt: string }>(all: readonly T[]): readonly T[] =>
  all.toSorted((a, b) => Date.parse(a.endedAt) - Date.parse(b.endedAt))
