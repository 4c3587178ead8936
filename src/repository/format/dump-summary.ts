/** What lists, plans and decisions need to know of a dump: a few fields of `dump.json`. A whole record is a summary, too. */
import { databaseFields, dumpFields } from './dump-json.ts'
import type { DumpRecord, DumpedDatabase } from './dump-record.ts'
import { array, object, type Parser } from './parse.ts'

export type DumpSummary = Pick<
  DumpRecord,
  | 'id'
  | 'kind'
  | 'label'
  | 'systemIdentifier'
  | 'postgres'
  | 'fromStandby'
  | 'startedAt'
  | 'endedAt'
  | 'timeline'
  | 'lsn'
  | 'selection'
  | 'sizes'
  | 'durationMs'
> & {
  readonly databases: readonly Pick<DumpedDatabase, 'name' | 'shape'>[]
}

const { id, kind, label, systemIdentifier, postgres, fromStandby, startedAt, endedAt } = dumpFields
const { timeline, lsn, selection, sizes, durationMs } = dumpFields
const { name, shape } = databaseFields

export const dumpSummary: Parser<DumpSummary> = object({
  ...{ id, kind, label, systemIdentifier, postgres, fromStandby, startedAt, endedAt },
  ...{ timeline, lsn, selection, sizes },
  databases: array(object({ name, shape })),
  durationMs,
})

/** Without what else the record holds: parsing names the fields. */
export function summaryOfDump(record: DumpSummary): DumpSummary {
  return dumpSummary(record, '')
}
