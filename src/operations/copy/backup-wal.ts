/** The WAL segments that make a backup consistent, by name. */
import type { BackupRecord } from '../../repository/format/backup-record.ts'
import { parseSegmentName, segmentName } from '../../wal/segment.ts'

export function namesOfBackup(
  { startWal, stopWal }: Pick<BackupRecord, 'startWal' | 'stopWal'>,
  segmentSizeBytes: number,
): readonly string[] {
  const { timeline, number: first } = parseSegmentName(startWal, segmentSizeBytes)
  const { number: last } = parseSegmentName(stopWal, segmentSizeBytes)
  return Array.from({ length: Number(last - first) + 1 }, (_, i) =>
    segmentName({ timeline, number: first + BigInt(i) }, segmentSizeBytes),
  )
}
