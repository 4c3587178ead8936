/** Decodes the records that events are made of. See src/wal/events.ts for what they mean. */
import type { RecordPlace, WalEvent } from '../../wal/events.ts'
import { microsFromPostgres, type Micros } from '../../wal/time.ts'
import { parseTransactionRecord } from './transaction-record.ts'
import { mainDataOffset, transactionKind, transactionKindOf, xlogKind, xlogKindOf } from './record.ts'

/** Undefined for a record that is none of these. `record` is the whole record, without page headers. */
export function decodeEvent(
  record: Uint8Array,
  place: RecordPlace,
  postgresMajor: number,
): WalEvent | undefined {
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength)
  const kindWord = view.getUint32(16, true)
  const dataAt = mainDataOffset(view)
  if (!isEventKind(kindWord) || dataAt === undefined) return undefined
  const data = new DataView(record.buffer, record.byteOffset + dataAt, record.byteLength - dataAt)
  return decodeTransaction(kindWord, view, data, place, postgresMajor) ?? decodeXlog(kindWord, data, place)
}

const kinds: ReadonlySet<number> = new Set([...Object.values(xlogKind), ...Object.values(transactionKind)])

/** Whether `decodeEvent` may have something to say about such a record: its bytes are worth keeping. */
export function isEventKind(kindWord: number): boolean {
  return kinds.has(xlogKindOf(kindWord)) || kinds.has(transactionKindOf(kindWord))
}

function decodeTransaction(
  kindWord: number,
  record: DataView,
  data: DataView,
  place: RecordPlace,
  postgresMajor: number,
): WalEvent | undefined {
  const ownXid = record.getUint32(4, true)
  const preparedXid = (): number =>
    parseTransactionRecord(kindWord, data, postgresMajor).preparedXid ?? ownXid
  switch (transactionKindOf(kindWord)) {
    case transactionKind.prepare:
      return { ...place, kind: 'prepare', xid: ownXid }
    case transactionKind.commit:
      return { ...place, kind: 'commit', xid: ownXid, time: timeAt(data, 0) }
    case transactionKind.abort:
      return { ...place, kind: 'abort', xid: ownXid, time: timeAt(data, 0) }
    case transactionKind.commitPrepared:
      return { ...place, kind: 'commit', xid: preparedXid(), time: timeAt(data, 0) }
    case transactionKind.abortPrepared:
      return { ...place, kind: 'abort', xid: preparedXid(), time: timeAt(data, 0) }
    default:
      return undefined
  }
}

/** See xl_restore_point, CheckPoint and xl_end_of_recovery; these parts are the same in PostgreSQL 14 to 18. */
function decodeXlog(kindWord: number, data: DataView, place: RecordPlace): WalEvent | undefined {
  const kind = xlogKindOf(kindWord)
  switch (kind) {
    case xlogKind.restorePoint:
      return {
        ...place,
        kind: 'restore point',
        name: textAt(data, 8, restorePointNameBytesMax),
        time: timeAt(data, 0),
      }
    case xlogKind.checkpointShutdown:
    case xlogKind.checkpointOnline:
      return {
        ...place,
        kind: 'checkpoint',
        isShutdown: kind === xlogKind.checkpointShutdown,
        redoLsn: data.getBigUint64(0, true),
        timeline: data.getUint32(8, true),
        previousTimeline: data.getUint32(12, true),
        nextXid: data.getBigUint64(24, true),
      }
    case xlogKind.endOfRecovery:
      return {
        ...place,
        kind: 'end of recovery',
        time: timeAt(data, 0),
        timeline: data.getUint32(8, true),
        previousTimeline: data.getUint32(12, true),
      }
    case xlogKind.backupEnd:
      return { ...place, kind: 'backup end', backupStartLsn: data.getBigUint64(0, true) }
    default:
      return undefined
  }
}

/** MAXFNAMELEN, with the zero at the end. */
const restorePointNameBytesMax = 64

function timeAt(data: DataView, offset: number): Micros {
  return microsFromPostgres(data.getInt32(offset + 4, true) * 0x1_0000_0000 + data.getUint32(offset, true))
}

function textAt(data: DataView, offset: number, sizeBytesMax: number): string {
  const bytes = Buffer.from(
    data.buffer,
    data.byteOffset + offset,
    Math.min(sizeBytesMax, data.byteLength - offset),
  )
  const end = bytes.indexOf(0)
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end)
}
