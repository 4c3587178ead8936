/**
 * `<cluster>/holds/<id>/<number>.json`: that somebody holds a backup, or does no longer. Never changed: who says something
 * else writes the next number, and the highest counts.
 */
import {
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
import { clusterName, time } from './values.ts'

export interface HoldRecord {
  readonly format: 1
  readonly cluster: string
  /** Of a backup, a dump, or a snapshot of a managed server. */
  readonly id: string
  /** The one in its key. */
  readonly number: number
  /** False: it was released. */
  readonly held: boolean
  readonly reason: string
  /** Null: until it is released. */
  readonly until: string | null
  readonly at: string
  /** `postgres@db1`, for people. */
  readonly by: string
  readonly tool: string
}

/** The id of whatever the catalogue knows. */
export const anyId = textLike(/^\d{8}T\d{6}Z-[a-z]+$/, 'an id')

const holdRecord: Parser<HoldRecord> = object({
  format: literal(1),
  cluster: clusterName,
  id: anyId,
  number: count(1, 99_999_999),
  held: flag,
  reason: text,
  until: nullable(time),
  at: time,
  by: text,
  tool: text,
})

export const encodeHoldRecord = (record: HoldRecord): Uint8Array => encodeRecord(record, holdRecord)

export function parseHoldRecord(bytes: Uint8Array, what: string): HoldRecord {
  return parseRecord(bytes, what, holdRecord)
}
