/** Snapshots in words, for people. */
import { formatBytes, formatDuration } from '../base/units.ts'
import type { BackupRecord } from '../repository/format/backup-record.ts'
import type { SnapshotVolumeRecord } from '../repository/format/snapshot-part.ts'

/** What `snapshot` says at its end. */
export function snapshotSummary(record: BackupRecord): string {
  const { id, sizes, durationMs, stopLsn, timeline, snapshot } = record
  return [
    `snapshot ${id}`,
    ...(snapshot?.volumes ?? []).map(volume => `  ${volumeText(volume)}`),
    `  ${formatBytes(sizes.rawBytes)} of data, in ${formatDuration(durationMs)}, by ${snapshot?.provider ?? ''}`,
    `  consistent from ${stopLsn} on timeline ${String(timeline)}; its WAL is in the repository`,
  ].join('\n')
}

export function volumeText({ source, reference, trees, copies }: SnapshotVolumeRecord): string {
  const held = trees.map(({ holds }) =>
    holds === 'data' ? 'the data directory' : holds === 'wal' ? 'pg_wal' : `tablespace ${holds}`,
  )
  const elsewhere = copies.map(({ region, reference: copy }) => `; in ${region}: ${copy}`).join('')
  return `${source} (${held.join(', ')}): ${reference}${elsewhere}`
}
