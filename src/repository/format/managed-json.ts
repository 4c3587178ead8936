/**
 * `managed/<id>.json`: a snapshot that a managed server (RDS, Cloud SQL) made of itself. Its bytes lie with the vendor, no WAL
 * of ours can be replayed on it, and it comes back as a new server; so it is none of the base backups.
 */
import {
  count,
  encodeRecord,
  literal,
  map,
  nullable,
  object,
  parseRecord,
  text,
  textLike,
  type Parser,
} from './parse.ts'
import { clusterName, managedId, time } from './values.ts'

export interface ManagedRecord {
  readonly format: 1
  readonly id: string
  readonly kind: 'managed'
  readonly cluster: string
  readonly label: string
  /** Who made it, and is asked for it: `aws-rds`, `gcp-cloudsql`. */
  readonly provider: string
  /** What the vendor calls the server. */
  readonly instance: string
  /** All that the vendor needs to find the snapshot. */
  readonly reference: string
  readonly engine: string
  readonly engineVersion: string
  /** Of the server's disk; null when the vendor does not tell. */
  readonly sizeBytes: number | null
  /** What a new server is made like. */
  readonly details: Readonly<Record<string, string>>
  /** In another region. */
  readonly copy: { readonly region: string; readonly reference: string } | null
  readonly startedAt: string
  readonly endedAt: string
  readonly durationMs: number
  readonly tool: string
}

const reference = textLike(/^[^\0-\x1f]+$/s, "a snapshot's name")

const managedRecord: Parser<ManagedRecord> = object({
  format: literal(1),
  id: managedId,
  kind: literal('managed'),
  cluster: clusterName,
  label: text,
  provider: textLike(/^[a-z][a-z0-9-]{0,30}$/, "a provider's name"),
  instance: text,
  reference,
  engine: text,
  engineVersion: text,
  sizeBytes: nullable(count()),
  details: map(text),
  copy: nullable(object({ region: text, reference })),
  startedAt: time,
  endedAt: time,
  durationMs: count(),
  tool: text,
})

export const encodeManagedRecord = (record: ManagedRecord): Uint8Array => encodeRecord(record, managedRecord)

export function parseManagedRecord(bytes: Uint8Array, what: string): ManagedRecord {
  return parseRecord(bytes, what, managedRecord)
}
