/** Lease objects: `<cluster>/leases/<name>/<counter>.json`. The one with the highest counter tells who holds it. */
import {
  count,
  encodeRecord,
  flag,
  literal,
  object,
  optional,
  parseRecord,
  text,
  textLike,
  type Parser,
} from './parse.ts'
import { time } from './values.ts'

export interface LeaseRecord {
  readonly format: 1
  /** Random, one for each time the lease is acquired: tells an object of ours from one of a namesake. */
  readonly token: string
  readonly owner: LeaseOwner
  readonly acquiredAt: string
  readonly renewedAt: string
  /** By the owner's clock. */
  readonly expiresAt: string
  readonly ttlMs: number
  /** The holder has given it back. The object stays, so that counters never start again. */
  readonly released: boolean
}

/** Enough for a process on the same machine to prove the owner dead; see base/process-identity.ts. */
export interface LeaseOwner {
  readonly host: string
  readonly pid: number
  readonly startTicks: string
  readonly bootId: string
  readonly pidNamespace: string
  /** What the owner does, for people: `backup 20260301T020000Z-full`. */
  readonly purpose?: string | undefined
}

const leaseRecord: Parser<LeaseRecord> = object({
  format: literal(1),
  token: textLike(/^[0-9a-f]{32}$/, '32 hexadecimal digits'),
  owner: object({
    host: text,
    pid: count(0, 0xffff_ffff),
    startTicks: text,
    bootId: text,
    pidNamespace: text,
    purpose: optional(text),
  }),
  acquiredAt: time,
  renewedAt: time,
  expiresAt: time,
  ttlMs: count(1, 24 * 3_600_000),
  released: flag,
})

export const encodeLeaseRecord = (record: LeaseRecord): Uint8Array => encodeRecord(record, leaseRecord)

export function parseLeaseRecord(bytes: Uint8Array, what: string): LeaseRecord {
  return parseRecord(bytes, what, leaseRecord)
}
