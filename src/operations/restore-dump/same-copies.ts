/** Which of the repositories' dumps of one id are the very same dump. */
import type { DumpRecord } from '../../repository/format/dump-record.ts'
import type { DumpCopy } from '../sources/dumps.ts'

/** Those that hold what the first one holds. */
export function sameCopies(copies: readonly DumpCopy[]): readonly DumpCopy[] {
  const [first] = copies
  return first ? copies.filter(({ record }) => isSame(record, first.record)) : []
}

function isSame(a: DumpRecord, b: DumpRecord): boolean {
  const databases = (record: DumpRecord): string =>
    JSON.stringify(
      record.databases.map(({ number, name, shape, snapshotLsn }) => [number, name, shape, snapshotLsn]),
    )
  return a.startedAt === b.startedAt && a.lsn === b.lsn && databases(a) === databases(b)
}
