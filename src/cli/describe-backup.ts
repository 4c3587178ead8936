/** Backups in words, for people. */
import { assert } from '../base/assert.ts'
import { formatBytes, formatDuration } from '../base/units.ts'
import type { BackupCopy } from '../operations/sources/source.ts'
import { formatMicros, parseTime } from '../wal/time.ts'
import type { BackupRecord } from '../repository/format/backup-record.ts'
import type { BackupSummary } from '../repository/format/backup-summary.ts'
import { volumeText } from './describe-snapshot.ts'
import type { SnapshotStates } from './snapshot-states.ts'
import { counted, listingOf } from './table.ts'

/** The first copy, and where the others are. */
export function backupListing(
  copies: readonly BackupCopy[],
  hasSeveral: boolean,
  states?: SnapshotStates,
): string {
  const record = copies[0]?.record
  assert(record !== undefined, 'a backup is somewhere')
  const { postgres, sizes, checks } = record
  return listingOf([
    ['backup', record.id],
    ['state', stateOf(record)],
    ['label', record.label],
    ['parent', record.parent ?? undefined],
    ['cluster', `${record.cluster} (system identifier ${record.systemIdentifier})`],
    ['server', `PostgreSQL ${postgres.version} on ${record.host}${record.fromStandby ? ', a standby' : ''}`],
    ['started', timeOf(record.startedAt)],
    ['ended', `${timeOf(record.endedAt)}, after ${formatDuration(record.durationMs)}`],
    ['WAL', `${record.startLsn} to ${record.stopLsn} on timeline ${String(record.timeline)}`],
    ['segments', `${record.startWal} to ${record.stopWal}`],
    [
      'data',
      record.snapshot
        ? `${formatBytes(sizes.rawBytes)}, in snapshots by ${record.snapshot.provider}`
        : `${formatBytes(sizes.rawBytes)} in ${counted(sizes.files, 'file')}`,
    ],
    [
      'stored',
      `${formatBytes(sizes.storedBytes)} in ${counted(record.packs.length, 'pack')} (zstd level ${String(record.compression.level)})`,
    ],
    ['encryption', encryptionOf(record)],
    ...(record.snapshot?.volumes ?? []).map(volume => ['volume', volumeText(volume)] as const),
    ...(states ? snapshotLines(states) : []),
    ['pages', record.snapshot ? 'not checked: the files are not in the repository' : pagesOf(checks)],
    ...checks.corrupt.map(
      ({ path, blocks }) =>
        ['corrupt', `${path}: ${counted(blocks.length, 'block')} (${someOf(blocks)})`] as const,
    ),
    ...record.tablespaces.map(
      ({ name, location, sizeBytes }) =>
        ['tablespace', `${name} at ${location}, ${formatBytes(sizeBytes)}`] as const,
    ),
    ...(hasSeveral ? copies : []).map(copy => ['repository', copyText(copy)] as const),
    ...record.warnings.map(warning => ['warning', warning] as const),
    ['made by', record.tool],
  ])
}

function snapshotLines({ absences, copies }: SnapshotStates): readonly (readonly [string, string])[] {
  return [
    ...(absences.length === 0
      ? [['now', 'all snapshots are there'] as const]
      : absences.map(({ what, message }) => ['now', `${what.toUpperCase()}: ${message}`] as const)),
    ...copies.map(({ message }) => ['now', message] as const),
  ]
}

function copyText({ source, record }: BackupCopy): string {
  const { sizes, packs } = record
  return `${source.name}: ${formatBytes(sizes.storedBytes)} in ${counted(packs.length, 'pack')}, encryption ${encryptionOf(record)}`
}

/** What `backup` says at its end. */
export function backupSummary(record: BackupRecord): string {
  const { sizes, durationMs, checks } = record
  const rate = formatBytes(sizes.rawBytes / Math.max(0.001, durationMs / 1000))
  return [
    `backup ${record.id}`,
    `  ${formatBytes(sizes.rawBytes)} in ${counted(sizes.files, 'file')}, stored in ${formatBytes(sizes.storedBytes)}, in ${formatDuration(durationMs)} (${rate}/s)`,
    `  pages: ${pagesOf(checks)}`,
    `  consistent from ${record.stopLsn} on timeline ${String(record.timeline)}; its WAL is in the repository`,
  ].join('\n')
}

/** Warnings about pages that are corrupt in the source. */
export function corruptionLines({ id, checks }: BackupRecord): readonly string[] {
  const files = checks.corrupt.map(
    ({ path, blocks }) => `corrupt pages in ${path}: ${counted(blocks.length, 'block')} (${someOf(blocks)})`,
  )
  return [
    ...files,
    `backup ${id} is complete, but ${counted(checks.pagesCorrupt, 'page')} of the source fail their checksum: look into the disk of this server, and keep older backups`,
  ]
}

export function stateOf({ checks }: BackupSummary): string {
  return checks.pagesCorrupt === 0 ? 'good' : `damaged: ${counted(checks.pagesCorrupt, 'corrupt page')}`
}

export function encryptionOf({ recipients }: Pick<BackupRecord, 'recipients'>): string {
  return recipients.length === 0 ? 'none' : `to ${recipients.join(', ')}`
}

function pagesOf({ pagesChecked, pagesTorn, pagesCorrupt }: BackupRecord['checks']): string {
  if (pagesChecked === 0) return 'not checked: the cluster has no page checksums'
  const torn = pagesTorn === 0 ? '' : `, ${counted(pagesTorn, 'torn page')} that WAL repairs`
  return `${counted(pagesChecked, 'page')} checked, ${pagesCorrupt === 0 ? 'all good' : counted(pagesCorrupt, 'corrupt page')}${torn}`
}

function someOf(blocks: readonly number[]): string {
  return blocks.length > 10 ? `${blocks.slice(0, 10).join(', ')}, …` : blocks.join(', ')
}

/** Records hold ISO 8601; people get seconds and the offset. */
export function timeOf(iso: string): string {
  const micros = parseTime(iso)
  return micros === undefined ? iso : formatMicros(Math.floor(micros / 1e6) * 1e6)
}
