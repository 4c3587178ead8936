/** What transactions have done that have not ended yet. Those of them that a crash cut off are forgotten in time. */
import type { Lsn } from '../../wal/lsn.ts'
import type { RelationLocator } from '../wal-records/decode-record.ts'
import type { ClassChange, SchemaChange } from './catalogues.ts'
import type { DatabaseEvent } from './events.ts'

/** One thing that a transaction did, with the position at which it did it. */
export type Deed = { readonly lsn: Lsn } & (
  | { readonly kind: 'class'; readonly change: ClassChange }
  | { readonly kind: 'schema'; readonly change: SchemaChange }
  | { readonly kind: 'emptied'; readonly file: RelationLocator }
  | { readonly kind: 'database'; readonly event: DatabaseEvent }
)

export interface OpenTransaction {
  records: number
  walBytes: number
  readonly deeds: Deed[]
  /** Rows deleted, by file. */
  readonly deleted: Map<string, { readonly file: RelationLocator; rows: number }>
}

export class OpenTransactions {
  readonly #open = new Map<number, OpenTransaction>()

  of(xid: number): OpenTransaction {
    const known = this.#open.get(xid)
    if (known) return known
    const fresh = { records: 0, walBytes: 0, deeds: [], deleted: new Map() }
    this.#open.set(xid, fresh)
    return fresh
  }

  /** Ends them, and gives what they did together, in the order in which they did it. */
  end(xids: readonly number[]): OpenTransaction {
    const parts = xids.flatMap(xid => this.#open.get(xid) ?? [])
    for (const xid of xids) this.#open.delete(xid)
    const [only] = parts
    if (only && parts.length === 1) return only
    const all: OpenTransaction = { records: 0, walBytes: 0, deeds: [], deleted: new Map() }
    for (const { records, walBytes, deeds, deleted } of parts) {
      all.records += records
      all.walBytes += walBytes
      all.deeds.push(...deeds)
      for (const [key, { file, rows }] of deleted)
        all.deleted.set(key, { file, rows: rows + (all.deleted.get(key)?.rows ?? 0) })
    }
    all.deeds.sort((a, b) => (a.lsn < b.lsn ? -1 : a.lsn > b.lsn ? 1 : 0))
    return all
  }

  /** None before this one is running any more. Ids go round: what is less than half the circle behind is older. */
  forgetBefore(oldestXid: number): void {
    for (const xid of this.#open.keys()) if (((xid - oldestXid) | 0) < 0) this.#open.delete(xid)
  }

  /** Whether any of them did something to relations. */
  get hasDeeds(): boolean {
    return [...this.#open.values()].some(({ deeds, deleted }) => deeds.length > 0 || deleted.size > 0)
  }
}
