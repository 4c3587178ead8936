/** What the decisions of src/policy want to know of a dump. */
import type { DumpFacts } from '../policy/dump-retention.ts'
import type { DumpSummary } from '../repository/format/dump-summary.ts'
import { parseLsn } from '../wal/lsn.ts'
import { parseTime } from '../wal/time.ts'

export function dumpFactsOf(dump: DumpSummary): DumpFacts {
  return {
    id: dump.id,
    timeline: dump.timeline,
    lsn: parseLsn(dump.lsn) ?? 0n,
    endedAt: parseTime(dump.endedAt) ?? 0,
    isOfAll: dump.selection.databases === 'all',
    isWhole: dump.selection.contents === 'all',
    databases: dump.databases.map(({ name }) => name),
    isDamaged: false,
  }
}
