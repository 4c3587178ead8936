/**
 * The pages of one catalogue, kept up to date by the records of the WAL: what replay does to them, as far as tuples go.
 *
 * A record that a page has seen already (its LSN says so) changes nothing, as in recovery; so the pages of a backup that
 * was taken under load become right by its WAL. See heap_redo and src/backend/access/heap/heapam.c.
 */
import type { Lsn } from '../../wal/lsn.ts'
import type { BlockReference, DecodedRecord } from '../wal-records/decode-record.ts'
import { heapOperation, heapOperationOf, manager, managerOf } from '../wal-records/manager.ts'
import { restoreImage } from '../wal-records/page-image.ts'
import {
  parseHeapPage,
  recordTupleHeaderBytes,
  tupleFromRecord,
  type HeapPage,
  type TupleData,
} from './heap-page.ts'

/** What a record did: `before` and `after` are the columns of the tuple that went and the one that came. */
export interface TupleChange {
  readonly before: TupleData | undefined
  readonly after: TupleData | undefined
}

const tupleHeaderBytes = 23
/** Of xl_info: the page had nothing on it. */
const pageIsNew = 0x80
const prefixFromOld = 1 << 5
const suffixFromOld = 1 << 6

export class TrackedRelation {
  readonly #pageSizeBytes: number
  readonly #pages = new Map<number, HeapPage>()

  constructor(pageSizeBytes: number) {
    this.#pageSizeBytes = pageSizeBytes
  }

  /** Pages of a file, the first of which has this number within the relation. */
  load(bytes: Uint8Array, firstBlock: number): void {
    for (let at = 0; at + this.#pageSizeBytes <= bytes.length; at += this.#pageSizeBytes)
      this.#pages.set(
        firstBlock + at / this.#pageSizeBytes,
        parseHeapPage(bytes.subarray(at, at + this.#pageSizeBytes)),
      )
  }

  /** A copy with a life of its own. */
  copy(): TrackedRelation {
    const copy = new TrackedRelation(this.#pageSizeBytes)
    for (const [block, { lsn, tuples }] of this.#pages)
      copy.#pages.set(block, { lsn, tuples: new Map(tuples) })
    return copy
  }

  *tuples(): Iterable<TupleData> {
    for (const { tuples } of this.#pages.values()) yield* tuples.values()
  }

  tuplesOn(block: number): Iterable<TupleData> {
    return this.#pages.get(block)?.tuples.values() ?? []
  }

  /** Undefined when no tuple came or went. `blocks` are those of the record that are this relation's. */
  apply(
    kindWord: number,
    { main }: DecodedRecord,
    blocks: readonly BlockReference[],
    endLsn: Lsn,
  ): TupleChange | undefined {
    if (blocks.some(({ fork }) => fork !== 0)) return undefined
    const old = this.#oldTuple(kindWord, main, blocks)
    const isNew = blocks.map(each => this.#refresh(each, endLsn))
    if (managerOf(kindWord) !== manager.heap) return undefined
    const view = new DataView(main.buffer, main.byteOffset, main.byteLength)
    const [first] = blocks
    if (!first) return undefined
    const page = this.#page(first.block)
    if (kindWord & pageIsNew && isNew[0] === 'data') page.tuples.clear()
    switch (heapOperationOf(kindWord)) {
      case heapOperation.insert: {
        const number = view.getUint16(0, true)
        if (isNew[0] === 'data') this.#set(page, number, tupleFromRecord(first.data))
        return { before: undefined, after: page.tuples.get(number) }
      }
      case heapOperation.delete:
        return { before: old ?? page.tuples.get(view.getUint16(4, true)), after: undefined }
      case heapOperation.update:
      case heapOperation.hotUpdate: {
        const number = view.getUint16(12, true)
        if (isNew[0] === 'data') this.#set(page, number, updatedTuple(first.data, view.getUint8(7), old))
        return { before: old, after: page.tuples.get(number) }
      }
      case heapOperation.inPlace:
        if (isNew[0] === 'data') this.#set(page, view.getUint16(0, true), first.data.slice())
        return undefined
      default:
        return undefined
    }
  }

  /** Before images come over it; where they bring it, from them. */
  #oldTuple(kindWord: number, main: Uint8Array, blocks: readonly BlockReference[]): TupleData | undefined {
    if (managerOf(kindWord) !== manager.heap) return undefined
    const operation = heapOperationOf(kindWord)
    const isUpdate = operation === heapOperation.update || operation === heapOperation.hotUpdate
    if (!isUpdate && operation !== heapOperation.delete) return undefined
    const number = (main[4] ?? 0) | ((main[5] ?? 0) << 8)
    const where = blocks[1] ?? blocks[0]
    if (!where) return undefined
    const known = this.#pages.get(where.block)?.tuples.get(number)
    if (known || !where.image) return known
    const page = restoreImage(where.image, this.#pageSizeBytes)
    return page && parseHeapPage(page).tuples.get(number)
  }

  /** Whether the record's data is still to be applied; an image is, in passing. */
  #refresh({ block, image }: BlockReference, endLsn: Lsn): 'data' | 'done' {
    const page = this.#page(block)
    if (image) {
      const bytes = restoreImage(image, this.#pageSizeBytes)
      if (bytes && page.lsn < endLsn) this.#pages.set(block, { ...parseHeapPage(bytes), lsn: endLsn })
      return 'done'
    }
    if (page.lsn >= endLsn) return 'done'
    page.lsn = endLsn
    return 'data'
  }

  #page(block: number): HeapPage {
    const known = this.#pages.get(block) ?? { lsn: 0n, tuples: new Map<number, TupleData>() }
    this.#pages.set(block, known)
    return known
  }

  #set(page: HeapPage, number: number, tuple: TupleData | undefined): void {
    if (tuple) page.tuples.set(number, tuple)
  }
}

/** An update on the same page may leave out what the old tuple has at its beginning and its end. */
function updatedTuple(data: Uint8Array, flags: number, old: TupleData | undefined): TupleData | undefined {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  let at = 0
  let [prefixBytes, suffixBytes] = [0, 0]
  if (flags & prefixFromOld) {
    prefixBytes = view.getUint16(at, true)
    at += 2
  }
  if (flags & suffixFromOld) {
    suffixBytes = view.getUint16(at, true)
    at += 2
  }
  if (prefixBytes + suffixBytes > 0 && !old) return undefined
  const headerBytes = view.getUint8(at + 4)
  const rest = data.subarray(at + recordTupleHeaderBytes + headerBytes - tupleHeaderBytes)
  const before = old ?? new Uint8Array(0)
  return Buffer.concat([before.subarray(0, prefixBytes), rest, before.subarray(before.length - suffixBytes)])
}
