/**
 * Requests to forget a person. What may name the person (a reference, SQL, reasons) lies sealed beside a record in the clear,
 * which says only that there is a request, and since when. Never changed: a withdrawal is another pair of objects.
 *
 * The sealed object is written first, the record last: a request exists when its record does.
 */
import {
  array,
  count,
  encodeRecord,
  flag,
  literal,
  nullable,
  object,
  parseRecord,
  text,
  textLike,
  type Parser,
} from './parse.ts'
import { clusterName, lsn, time, timeline } from './values.ts'

export const erasureIdPattern = /^\d{8}T\d{6}Z-erasure-[0-9a-f]{8}$/
export const erasureId = textLike(erasureIdPattern, 'the id of a request to forget')

/** In the clear: `request.json`. */
export interface ErasureRecord {
  readonly format: 1
  readonly cluster: string
  readonly id: string
  /** By the server's clock; by that of the host where the server could not be asked. */
  readonly requestedAt: string
  /** Where the server's log was; null where it could not be asked. */
  readonly lsn: string | null
  readonly timeline: number | null
  /** The server was seen without the person at this position, so a state that holds it needs nothing done. */
  readonly settled: boolean
  readonly database: string
  /** By which it is found again under another name. */
  readonly databaseOid: number | null
  readonly statements: number
  /** `postgres@db1`, for people. */
  readonly by: string
  readonly tool: string
}

/** Sealed: `statements.json.zst[.age]`. */
export interface ErasureSecret {
  readonly format: 1
  readonly id: string
  /** For people: a number in a register, better than a name. */
  readonly subject: string
  readonly statements: readonly string[]
}

/** In the clear: `withdrawn.json`. */
export interface WithdrawalRecord {
  readonly format: 1
  readonly cluster: string
  readonly id: string
  readonly at: string
  readonly by: string
  readonly tool: string
}

/** Sealed: `reason.json.zst[.age]`. */
export interface WithdrawalSecret {
  readonly format: 1
  readonly id: string
  readonly reason: string
}

export const erasureOutcomes = [
  'applied',
  'contained',
  'no database',
  'other tables',
  'failed',
  'skipped',
] as const
export type ErasureOutcome = (typeof erasureOutcomes)[number]

export const erasureOperations = ['restore', 'restore-dump', 'restore-table', 'drill', 'apply'] as const
export type ErasureOperation = (typeof erasureOperations)[number]

/** In the clear, once for each restore: what came of every request. Counts, and no text of anybody's. */
export interface AppliedRecord {
  readonly format: 1
  readonly cluster: string
  /** Random, in its key. */
  readonly run: string
  readonly at: string
  readonly operation: ErasureOperation
  /** The backup, dump or snapshot. */
  readonly from: string | null
  readonly host: string
  readonly by: string
  /** Why they were skipped, in the words of who did; never where they were applied. */
  readonly skipReason: string | null
  readonly requests: readonly AppliedRequest[]
  readonly tool: string
}

export interface AppliedRequest {
  readonly id: string
  readonly outcome: ErasureOutcome
  readonly statements: readonly CountedStatement[]
}

export interface CountedStatement {
  /** `DELETE`, `UPDATE`, …. */
  readonly command: string
  /** Null where the command counts none. */
  readonly rows: number | null
}

const erasureRecord: Parser<ErasureRecord> = object({
  format: literal(1),
  cluster: clusterName,
  id: erasureId,
  requestedAt: time,
  lsn: nullable(lsn),
  timeline: nullable(timeline),
  settled: flag,
  database: text,
  databaseOid: nullable(count(1)),
  statements: count(1),
  by: text,
  tool: text,
})

const erasureSecret: Parser<ErasureSecret> = object({
  format: literal(1),
  id: erasureId,
  subject: text,
  statements: array(text),
})

const withdrawalRecord: Parser<WithdrawalRecord> = object({
  format: literal(1),
  cluster: clusterName,
  id: erasureId,
  at: time,
  by: text,
  tool: text,
})

const withdrawalSecret: Parser<WithdrawalSecret> = object({ format: literal(1), id: erasureId, reason: text })

const appliedRecord: Parser<AppliedRecord> = object({
  format: literal(1),
  cluster: clusterName,
  run: textLike(/^\d{8}T\d{6}Z-[0-9a-f]{8}$/, 'a time and random digits'),
  at: time,
  operation: literal(...erasureOperations),
  from: nullable(text),
  host: text,
  by: text,
  skipReason: nullable(text),
  requests: array(
    object({
      id: erasureId,
      outcome: literal(...erasureOutcomes),
      statements: array(object({ command: text, rows: nullable(count()) })),
    }),
  ),
  tool: text,
})

/** How one kind of record becomes bytes, and is read again. */
export interface RecordCodec<T> {
  encode(record: T): Uint8Array
  parse(bytes: Uint8Array, what: string): T
}

const codecOf = <T>(parser: Parser<T>): RecordCodec<T> => ({
  encode: record => encodeRecord(record, parser),
  parse: (bytes, what) => parseRecord(bytes, what, parser),
})

export const erasureCodec = codecOf(erasureRecord)
export const erasureSecretCodec = codecOf(erasureSecret)
export const withdrawalCodec = codecOf(withdrawalRecord)
export const withdrawalSecretCodec = codecOf(withdrawalSecret)
export const appliedCodec = codecOf(appliedRecord)
