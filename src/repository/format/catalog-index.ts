/**
 * `<cluster>/catalog/<number>.json`, and the same in `dump-catalog/` and `drill-catalog/`: which backups, dumps and drills there
 * are, so that nobody has to list them. A cache: they themselves are the truth, and what an index says is never enough
 * to restore from or to delete.
 */
import { backupSummary, type BackupSummary } from './backup-summary.ts'
import { drillSummary } from './drill-json.ts'
import type { DrillSummary } from './drill-record.ts'
import { dumpSummary, type DumpSummary } from './dump-summary.ts'
import { array, checked, count, encodeRecord, literal, nullable, object, parseRecord } from './parse.ts'
import { backupId, clusterName, drillId, dumpId } from './values.ts'

/** What both have in common. The stored field with the entries is named after what they are. */
export interface ShelfIndex<Summary> {
  readonly format: 1
  readonly cluster: string
  /** The one in its key. */
  readonly number: number
  /** Of the folders up to this one, in the order of their names, the index knows; null when there was none. */
  readonly through: string | null
  /** In the order of their ids. */
  readonly entries: readonly Summary[]
  /** Folders up to `through` that were no readable backups or dumps when the index was written, and may have become some. */
  readonly others: readonly string[]
}

const common = { format: literal(1), cluster: clusterName, number: count(1, 99_999_999) }

const catalogIndex = checked(
  object({ ...common, through: nullable(backupId), backups: array(backupSummary), others: array(backupId) }),
  (index, fail) => {
    checkIds({ ...index, entries: index.backups }, 'backups', fail)
  },
)

const dumpIndex = checked(
  object({ ...common, through: nullable(dumpId), dumps: array(dumpSummary), others: array(dumpId) }),
  (index, fail) => {
    checkIds({ ...index, entries: index.dumps }, 'dumps', fail)
  },
)

const drillIndex = checked(
  object({ ...common, through: nullable(drillId), drills: array(drillSummary), others: array(drillId) }),
  (index, fail) => {
    checkIds({ ...index, entries: index.drills }, 'drills', fail)
  },
)

function checkIds(
  { entries, others, through }: Pick<ShelfIndex<{ id: string }>, 'entries' | 'others' | 'through'>,
  field: string,
  fail: (path: string, expected: string) => never,
): void {
  const ids = [...entries.map(({ id }) => id), ...others]
  if (new Set(ids).size !== ids.length) fail(field, `a list of different ${field}`)
  if (ids.some(id => through === null || id > through)) fail('through', 'the last of the folders')
}

export function encodeCatalogIndex({ entries, others, ...rest }: ShelfIndex<BackupSummary>): Uint8Array {
  return encodeRecord({ ...rest, backups: entries, others }, catalogIndex)
}

export function parseCatalogIndex(bytes: Uint8Array, what: string): ShelfIndex<BackupSummary> {
  const { backups, ...rest } = parseRecord(bytes, what, catalogIndex)
  return { ...rest, entries: backups }
}

export function encodeDumpIndex({ entries, others, ...rest }: ShelfIndex<DumpSummary>): Uint8Array {
  return encodeRecord({ ...rest, dumps: entries, others }, dumpIndex)
}

export function parseDumpIndex(bytes: Uint8Array, what: string): ShelfIndex<DumpSummary> {
  const { dumps, ...rest } = parseRecord(bytes, what, dumpIndex)
  return { ...rest, entries: dumps }
}

export function encodeDrillIndex({ entries, others, ...rest }: ShelfIndex<DrillSummary>): Uint8Array {
  return encodeRecord({ ...rest, drills: entries, others }, drillIndex)
}

export function parseDrillIndex(bytes: Uint8Array, what: string): ShelfIndex<DrillSummary> {
  const { drills, ...rest } = parseRecord(bytes, what, drillIndex)
  return { ...rest, entries: drills }
}
