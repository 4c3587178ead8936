/**
 * The tuples of a page of a table, as far as catalogues need: no TOAST, no visibility. See src/include/storage/bufpage.h,
 * itemid.h and access/htup_details.h; the layout is the same in PostgreSQL 14 to 18.
 */
import type { Lsn } from '../../wal/lsn.ts'

/** The columns of a tuple, without its header and null bitmap. */
export type TupleData = Uint8Array

export interface HeapPage {
  /** The end of the last record that changed the page. */
  lsn: Lsn
  /** By line pointer, counted from 1. Dead ones, too, until they are pruned. */
  readonly tuples: Map<number, TupleData>
}

const pageHeaderBytes = 24
const tupleHeaderBytes = 23
const linePointerIsNormal = 1

/** Copies what it keeps. A page of zeros is an empty one; what can not be a page is, too. */
export function parseHeapPage(bytes: Uint8Array): HeapPage {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const tuples = new Map<number, TupleData>()
  const lower = view.getUint16(12, true)
  for (let at = pageHeaderBytes, number = 1; at + 4 <= Math.min(lower, bytes.length); at += 4, number++) {
    const pointer = view.getUint32(at, true)
    const [offset, flags, length] = [pointer & 0x7fff, (pointer >>> 15) & 3, pointer >>> 17]
    if (flags !== linePointerIsNormal || offset + length > bytes.length || length < tupleHeaderBytes) continue
    const headerBytes = view.getUint8(offset + 22)
    if (headerBytes < tupleHeaderBytes || headerBytes > length) continue
    tuples.set(number, bytes.slice(offset + headerBytes, offset + length))
  }
  const lsn = (BigInt(view.getUint32(0, true)) << 32n) | BigInt(view.getUint32(4, true))
  return { lsn, tuples }
}

/** What a record tells of a new tuple: `xl_heap_header`, the rest of the header, then the columns. */
export function tupleFromRecord(data: Uint8Array): TupleData | undefined {
  const headerBytes = data[4]
  if (headerBytes === undefined || headerBytes < tupleHeaderBytes) return undefined
  return data.slice(recordTupleHeaderBytes + headerBytes - tupleHeaderBytes)
}

export const recordTupleHeaderBytes = 5
