/**
 * What the record of a commit or abort tells: when, of which transaction with which sub-transactions, and which files go
 * with it. See ParseCommitRecord and ParseAbortRecord in src/backend/access/rmgrdesc/xactdesc.c; PostgreSQL 15 added the
 * dropped statistics, and 18 made them longer.
 */
import { microsFromPostgres, type Micros } from '../../wal/time.ts'
import { locatorAt, type RelationLocator } from './decode-record.ts'

export interface TransactionRecord {
  readonly time: Micros
  /** The transaction that was prepared, when its end is written by another. */
  readonly preparedXid: number | undefined
  readonly subtransactions: readonly number[]
  readonly droppedFiles: readonly RelationLocator[]
  /** How many messages it has for others that know the catalogue: it changed that. */
  readonly catalogueMessages: number
  /** It was made on another server, and came by logical replication. */
  readonly isReplicated: boolean
}

const hasParts = 0x80
const part = {
  database: 1 << 0,
  subtransactions: 1 << 1,
  relations: 1 << 2,
  invalidations: 1 << 3,
  prepared: 1 << 4,
  origin: 1 << 5,
  droppedStatistics: 1 << 8,
} as const

/** `data` is the main data of such a record. Throws RangeError when it is too short for what it says. */
export function parseTransactionRecord(
  kindWord: number,
  data: DataView,
  postgresMajor: number,
): TransactionRecord {
  const parts = (kindWord & hasParts) === 0 ? 0 : data.getUint32(8, true)
  let at = 12
  const list = <T>(flag: number, elementBytes: number, read: (offset: number) => T): readonly T[] => {
    if ((parts & flag) === 0) return []
    const count = data.getUint32(at, true)
    const start = at + 4
    at = start + count * elementBytes
    if (at > data.byteLength) throw new RangeError('a list goes on behind the record')
    return Array.from({ length: count }, (_, i) => read(start + i * elementBytes))
  }
  if (parts & part.database) at += 8
  const subtransactions = list(part.subtransactions, 4, offset => data.getUint32(offset, true))
  const droppedFiles = list(part.relations, 12, offset => locatorAt(data, offset))
  list(part.droppedStatistics, postgresMajor >= 18 ? 16 : 12, () => undefined)
  const catalogueMessages = list(part.invalidations, 16, () => undefined).length
  const preparedXid = parts & part.prepared ? data.getUint32(at, true) : undefined
  const micros = data.getInt32(4, true) * 0x1_0000_0000 + data.getUint32(0, true)
  return {
    time: microsFromPostgres(micros),
    preparedXid,
    subtransactions,
    droppedFiles,
    catalogueMessages,
    isReplicated: (parts & part.origin) !== 0,
  }
}
