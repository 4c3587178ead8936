/**
 * Rows of catalogues from the bytes of their tuples: only columns of fixed places, which PostgreSQL 14 to 18 have in common
 * but for one. See pg_class.h, pg_namespace.h, pg_database.h, pg_index.h, pg_inherits.h.
 */
import type { TupleData } from './heap-page.ts'

/** A row of pg_class. */
export interface ClassRow {
  readonly oid: number
  readonly name: string
  readonly namespace: number
  /** The number of its file; 0 for what has none, and for catalogues whose file the relation map names. */
  readonly file: number
  /** 0: that of the database. */
  readonly tablespace: number
  /** The table that holds its large values; 0 when there is none. */
  readonly toast: number
  readonly persistence: string
  readonly kind: string
}

export interface NamedRow {
  readonly oid: number
  readonly name: string
}

/** One column more, relallfrozen, stands before these since PostgreSQL 18. */
const shiftSince18 = 4

export function parseClassRow(tuple: TupleData, postgresMajor: number): ClassRow | undefined {
  const shift = postgresMajor >= 18 ? shiftSince18 : 0
  if (tuple.length < 116 + shift) return undefined
  const view = viewOf(tuple)
  return {
    oid: view.getUint32(0, true),
    name: nameAt(tuple, 4),
    namespace: view.getUint32(68, true),
    file: view.getUint32(88, true),
    tablespace: view.getUint32(92, true),
    toast: view.getUint32(108 + shift, true),
    persistence: String.fromCharCode(view.getUint8(114 + shift)),
    kind: String.fromCharCode(view.getUint8(115 + shift)),
  }
}

/** A row of pg_namespace or pg_database. */
export function parseNamedRow(tuple: TupleData): NamedRow | undefined {
  if (tuple.length < 68) return undefined
  return { oid: viewOf(tuple).getUint32(0, true), name: nameAt(tuple, 4) }
}

/**
 * Whether a row of pg_database says that the database can not be used any more: DROP DATABASE writes that into it, in place and
 * at once, before it removes the first file. The column is datconnlimit; what stands before it has changed once.
 */
export function isInvalidDatabase(tuple: TupleData, postgresMajor: number): boolean {
  const at = postgresMajor >= 15 ? 80 : 208
  return tuple.length >= at + 4 && viewOf(tuple).getInt32(at, true) === connectionsOfInvalid
}

/** DATCONNLIMIT_INVALID_DB of pg_database.h. */
const connectionsOfInvalid = -2

/** The first two columns of pg_index (index, table) or pg_inherits (child, parent). */
export function parsePair(tuple: TupleData): readonly [number, number] | undefined {
  if (tuple.length < 8) return undefined
  const view = viewOf(tuple)
  return [view.getUint32(0, true), view.getUint32(4, true)]
}

const nameBytes = 64

function nameAt(tuple: TupleData, at: number): string {
  const bytes = Buffer.from(tuple.buffer, tuple.byteOffset + at, nameBytes)
  const end = bytes.indexOf(0)
  return bytes.toString('utf8', 0, end < 0 ? nameBytes : end)
}

const viewOf = (tuple: TupleData): DataView => new DataView(tuple.buffer, tuple.byteOffset, tuple.byteLength)

/** The numbers by which PostgreSQL itself knows its catalogues. */
export const catalogueOids = {
  class: 1259,
  database: 1262,
  namespace: 2615,
  index: 2610,
  inherits: 2611,
} as const
export const catalogueNamespace = 11
export const toastNamespace = 99
