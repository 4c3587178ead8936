/** Dumps in words, for people. */
import { formatBytes, formatDuration } from '../base/units.ts'
import type { DumpCopy } from '../operations/sources/dumps.ts'
import type { DumpRecord, DumpedDatabase } from '../repository/format/dump-record.ts'
import { encryptionOf, timeOf } from './describe-backup.ts'
import { counted, listingOf } from './table.ts'

/** What `dump` says at its end. */
export function dumpSummaryText(record: DumpRecord): string {
  const { sizes, durationMs, databases } = record
  const rate = formatBytes(sizes.rawBytes / Math.max(0.001, durationMs / 1000))
  return [
    `dump ${record.id}`,
    `  ${counted(sizes.databases, 'database')} with ${counted(sizes.tables, 'table')} and ${counted(sizes.rows, 'row')}, and the globals`,
    `  ${formatBytes(sizes.rawBytes)}, stored in ${formatBytes(sizes.storedBytes)}, in ${formatDuration(durationMs)} (${rate}/s)`,
    ...databases.map(database => `  ${database.name}: ${databaseText(database)}`),
  ].join('\n')
}

/** The first copy, and where the others are. */
export function dumpListing(copies: readonly [DumpCopy, ...DumpCopy[]], hasSeveral: boolean): string {
  const [{ record }] = copies
  const { postgres, pgDump, sizes } = record
  return listingOf([
    ['dump', record.id],
    ['label', record.label],
    ['cluster', `${record.cluster} (system identifier ${record.systemIdentifier})`],
    ['server', `PostgreSQL ${postgres.version} on ${record.host}${record.fromStandby ? ', a standby' : ''}`],
    ['pg_dump', pgDump.version],
    ['started', timeOf(record.startedAt)],
    ['ended', `${timeOf(record.endedAt)}, after ${formatDuration(record.durationMs)}`],
    ['selection', selectionOf(record)],
    [
      'data',
      `${formatBytes(sizes.rawBytes)}: ${counted(sizes.tables, 'table')}, ${counted(sizes.rows, 'row')}`,
    ],
    ['stored', `${formatBytes(sizes.storedBytes)} (zstd level ${String(record.compression.level)})`],
    ['encryption', encryptionOf(record)],
    ...record.databases.map(database => ['database', `${database.name}: ${databaseText(database)}`] as const),
    ...(hasSeveral ? copies : []).map(copy => ['repository', copyText(copy)] as const),
    ...record.warnings.map(warning => ['warning', warning] as const),
    ['made by', record.tool],
  ])
}

function databaseText(database: DumpedDatabase): string {
  const { tables, rows, largeObjects, rawBytes, shape, snapshotLsn, snapshotAt } = database
  const objects = largeObjects === 0 ? '' : `, ${counted(largeObjects, 'large object')}`
  const how = shape === 'directory' ? ', as a directory' : ''
  return `${counted(tables, 'table')}, ${counted(rows, 'row')}${objects}, ${formatBytes(rawBytes)}${how}, as at ${snapshotLsn} (${timeOf(snapshotAt)})`
}

export function selectionOf({ selection }: Pick<DumpRecord, 'selection'>): string {
  const databases = selection.databases === 'all' ? 'all databases' : 'some databases'
  return selection.contents === 'all' ? databases : `${databases}, in part`
}

function copyText({ source, record }: DumpCopy): string {
  return `${source.name}: ${formatBytes(record.sizes.storedBytes)}, encryption ${encryptionOf(record)}`
}
