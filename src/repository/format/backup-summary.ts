/**
 * What lists, plans and decisions need to know of a backup: a few fields of `backup.json`, without the lists in it that
 * grow with the database. A whole record is a summary, too.
 */
import { limits } from '../../base/limits.ts'
import type { BackupRecord } from './backup-record.ts'
import { count, literal, nullable, object, text, type Parser } from './parse.ts'
import { backupId, lsn, systemIdentifier, time, timeline, walSegment } from './values.ts'

export type BackupSummary = Pick<
  BackupRecord,
  | 'id'
  | 'kind'
  | 'parent'
  | 'label'
  | 'systemIdentifier'
  | 'startedAt'
  | 'endedAt'
  | 'timeline'
  | 'startLsn'
  | 'stopLsn'
  | 'startWal'
  | 'stopWal'
  | 'sizes'
  | 'durationMs'
> & {
  readonly postgres: Pick<BackupRecord['postgres'], 'versionNumber' | 'version' | 'walSegmentSizeBytes'>
  readonly checks: Pick<BackupRecord['checks'], 'pagesCorrupt'>
}

export const backupSummary: Parser<BackupSummary> = object({
  id: backupId,
  kind: literal('full', 'incremental', 'snapshot'),
  parent: nullable(backupId),
  label: text,
  systemIdentifier,
  postgres: object({
    versionNumber: count(90_000, 999_999),
    version: text,
    walSegmentSizeBytes: count(limits.walSegmentSizeBytesMin, limits.walSegmentSizeBytesMax),
  }),
  startedAt: time,
  endedAt: time,
  timeline,
  startLsn: lsn,
  stopLsn: lsn,
  startWal: walSegment,
  stopWal: walSegment,
  sizes: object({ files: count(), rawBytes: count(), storedBytes: count() }),
  checks: object({ pagesCorrupt: count() }),
  durationMs: count(),
})

/** Without what else the record holds: parsing names the fields. */
export function summaryOf(record: BackupSummary): BackupSummary {
  return backupSummary(record, '')
}
