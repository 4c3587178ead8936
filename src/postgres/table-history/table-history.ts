/**
 * Follows the WAL record by record, and tells of each transaction that commits what it did to tables.
 *
 * Which relation a file is, and what it is called, comes from the catalogues of a base backup, which follow the same
 * records; see catalogues.ts. So it works for tables that are gone, without asking any server.
 */
import { decodeRecord, locatorAt, type RelationLocator } from '../wal-records/decode-record.ts'
import {
  heapOperation,
  heapOperationOf,
  manager,
  managerOf,
  operationOf,
  pageImages,
  relationMapUpdate,
  runningTransactions,
  storageOperation,
} from '../wal-records/manager.ts'
import type { WholeRecord } from '../wal-records/read-records.ts'
import { isTransactionEnd, transactionKind, transactionKindOf } from '../wal-records/record.ts'
import { parseTransactionRecord } from '../wal-records/transaction-record.ts'
import type { Catalogues } from './catalogues.ts'
import type { CommittedTransaction } from './events.ts'
import { OpenTransactions, type Deed, type OpenTransaction } from './open-transactions.ts'
import { summarise } from './summarise.ts'

const managersOfInterest: ReadonlySet<number> = new Set([
  manager.transaction,
  manager.storage,
  manager.database,
  manager.relationMap,
  manager.standby,
  manager.heap2,
  manager.heap,
])

/** Whether the bytes of such a record matter. */
export function isOfInterest(kindWord: number): boolean {
  return (
    managersOfInterest.has(managerOf(kindWord)) ||
    (managerOf(kindWord) === manager.xlog && pageImages.includes(operationOf(kindWord)))
  )
}

export class TableHistory {
  readonly #catalogues: Catalogues
  readonly #open = new OpenTransactions()

  constructor(catalogues: Catalogues) {
    this.#catalogues = catalogues
  }

  /** Whether a transaction that has not ended did something to relations. */
  get isAmidst(): boolean {
    return this.#open.hasDeeds
  }

  /** Undefined when no transaction commits by this record. */
  take(record: WholeRecord): CommittedTransaction | undefined {
    const { xid, kindWord, bytes, lengthBytes } = record
    if (xid !== 0) {
      const open = this.#open.of(xid)
      open.records++
      open.walBytes += lengthBytes
    }
    if (!bytes || !isOfInterest(kindWord)) return undefined
    if (managerOf(kindWord) === manager.transaction) return this.#end(record, bytes)
    const decoded = decodeRecord(bytes, record.postgresMajor)
    if (!decoded) return undefined
    const { main, blocks } = decoded
    const view = new DataView(main.buffer, main.byteOffset, main.byteLength)
    switch (managerOf(kindWord)) {
      case manager.heap:
      case manager.heap2:
      case manager.xlog: {
        const change = this.#catalogues.apply(kindWord, decoded, record)
        if (change && 'class' in change) this.#did(record, { kind: 'class', change: change.class })
        if (change && 'schema' in change) this.#did(record, { kind: 'schema', change: change.schema })
        const [first] = blocks
        if (isDelete(kindWord) && first) this.#deleted(xid, first)
        return undefined
      }
      case manager.storage:
        if (operationOf(kindWord) === storageOperation.truncate && view.getUint32(0, true) === 0)
          this.#did(record, { kind: 'emptied', file: locatorAt(view, 4) })
        return undefined
      case manager.relationMap:
        if (operationOf(kindWord) === relationMapUpdate)
          this.#catalogues.applyMap(view.getUint32(0, true), view.getUint32(4, true), main.subarray(12))
        return undefined
      case manager.standby:
        if (operationOf(kindWord) === runningTransactions) this.#open.forgetBefore(view.getUint32(16, true))
        return undefined
      case manager.database:
        this.#database(record, view)
        return undefined
      default:
        return undefined
    }
  }

  /** Work of nobody, as VACUUM's, tells nothing. */
  #did({ xid, startLsn }: WholeRecord, deed: DeedWithoutPlace): void {
    if (xid !== 0) this.#open.of(xid).deeds.push({ ...deed, lsn: startLsn })
  }

  #deleted(xid: number, { tablespace, database, relation }: RelationLocator): void {
    const { deleted } = this.#open.of(xid)
    const key = `${String(database)}/${String(tablespace)}/${String(relation)}`
    const known = deleted.get(key)
    if (known) known.rows++
    else deleted.set(key, { file: { tablespace, database, relation }, rows: 1 })
  }

  /** PostgreSQL 15 has two ways to make a database, 14 has one. */
  #database(record: WholeRecord, view: DataView): void {
    const operation = operationOf(record.kindWord)
    const drop = record.postgresMajor >= 15 ? 0x20 : 0x10
    const oid = view.getUint32(0, true)
    if (operation === drop) {
      const event = { kind: 'database dropped', database: this.#catalogues.databaseName(oid) } as const
      const lsn = this.#catalogues.invalidSince(oid) ?? record.startLsn
      if (record.xid !== 0) this.#open.of(record.xid).deeds.push({ kind: 'database', event, lsn })
      return
    }
    if (operation === 0x00)
      this.#catalogues.copyDatabase(
        oid,
        view.getUint32(4, true),
        view.getUint32(8, true),
        view.getUint32(12, true),
      )
    const event = { kind: 'database created', database: this.#catalogues.databaseName(oid) } as const
    this.#did(record, { kind: 'database', event })
  }

  #undo({ deeds }: OpenTransaction): void {
    for (const deed of deeds.toReversed()) {
      if (deed.kind === 'class') this.#catalogues.undoClass(deed.change)
      if (deed.kind === 'schema') this.#catalogues.undoSchema(deed.change)
    }
  }

  #end(record: WholeRecord, bytes: Uint8Array): CommittedTransaction | undefined {
    const { kindWord, postgresMajor, startLsn, endLsn } = record
    if (!isTransactionEnd(kindWord)) return undefined
    const main = decodeRecord(bytes, postgresMajor)?.main
    if (!main) return undefined
    const view = new DataView(main.buffer, main.byteOffset, main.byteLength)
    const ended = parseTransactionRecord(kindWord, view, postgresMajor)
    const xid = ended.preparedXid ?? record.xid
    const done = this.#open.end([xid, ...ended.subtransactions])
    const kind = transactionKindOf(kindWord)
    if (kind !== transactionKind.commit && kind !== transactionKind.commitPrepared) {
      this.#undo(done)
      return undefined
    }
    const removal = done.deeds.find(
      deed => deed.kind === 'database' && deed.event.kind === 'database dropped',
    )
    return {
      xid,
      time: ended.time,
      beforeLsn: removal?.lsn ?? startLsn,
      commitLsn: startLsn,
      endLsn,
      walBytes: done.walBytes,
      records: done.records,
      isReplicated: ended.isReplicated,
      changesCatalogue: ended.catalogueMessages > 0 || ended.droppedFiles.length > 0,
      events: summarise(done, this.#catalogues),
    }
  }
}

type DeedWithoutPlace = Deed extends infer One ? (One extends Deed ? Omit<One, 'lsn'> : never) : never

function isDelete(kindWord: number): boolean {
  return managerOf(kindWord) === manager.heap && heapOperationOf(kindWord) === heapOperation.delete
}
