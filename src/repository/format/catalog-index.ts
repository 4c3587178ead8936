/**
 * `<cluster>/catalog/<number>.json`: which backups there are, so that nobody has to list them. A cache: the backups
 * themselves are the truth, and what an index says is never enough to restore from or to delete.
 */
import { backupSummary, type BackupSummary } from './backup-summary.ts'
import {
  array,
  checked,
  count,
  encodeRecord,
  literal,
  nullable,
  object,
  parseRecord,
  type Parser,
} from './parse.ts'
import { backupId, clusterName } from './values.ts'

export interface CatalogIndex {
  readonly format: 1
  readonly cluster: string
  /** The one in its key. */
  readonly number: number
  /** Of the folders up to this one, in the order of their names, the index knows; null when there was none. */
  readonly through: string | null
  /** In the order of their ids. */
  readonly backups: readonly BackupSummary[]
  /** Folders up to `through` that were no readable backups when the index was written, and may have become some. */
  readonly others: readonly string[]
}

const fields: Parser<CatalogIndex> = object({
  format: literal(1),
  cluster: clusterName,
  number: count(1, 99_999_999),
  through: nullable(backupId),
  backups: array(backupSummary),
  others: array(backupId),
})

const catalogIndex: Parser<CatalogIndex> = checked(fields, ({ backups, others, through }, fail) => {
  const ids = [...backups.map(({ id }) => id), ...others]
  if (new Set(ids).size !== ids.length) fail('backups', 'a list of different backups')
  if (ids.some(id => through === null || id > through)) fail('through', 'the last of the folders')
})

export const encodeCatalogIndex = (index: CatalogIndex): Uint8Array => encodeRecord(index, catalogIndex)

export function parseCatalogIndex(bytes: Uint8Array, what: string): CatalogIndex {
  return parseRecord(bytes, what, catalogIndex)
}
