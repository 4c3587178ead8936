/**
 * `<cluster>/expiries/<number>.json`: what an expiry is about to remove. Written before the first record goes, deleted when
 * all is done: so what was cut off is finished by the next one, also where the data lies outside of the repository.
 */
import {
  array,
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
import { anyId } from './hold-record.ts'
import { clusterName, time } from './values.ts'

export interface ExpiryNote {
  readonly format: 1
  readonly cluster: string
  /** The one in its key. */
  readonly number: number
  readonly at: string
  /** Of backups, dumps, and snapshots of managed servers. */
  readonly ids: readonly string[]
  /** What their providers have to remove. */
  readonly outside: readonly OutsideSnapshot[]
  readonly tool: string
}

export interface OutsideSnapshot {
  readonly id: string
  readonly provider: string
  /** Of a managed server: what the vendor calls it. Else null. */
  readonly instance: string | null
  /** The host whose volumes these are; null where that does not matter. */
  readonly host: string | null
  readonly volume: string
  readonly reference: string
  readonly details: Readonly<Record<string, string>>
}

const line = textLike(/^[^\0-\x1f]+$/s, "a snapshot's name")

const expiryNote: Parser<ExpiryNote> = object({
  format: literal(1),
  cluster: clusterName,
  number: count(1, 99_999_999),
  at: time,
  ids: array(anyId),
  outside: array(
    object({
      id: anyId,
      provider: textLike(/^[a-z][a-z0-9-]{0,30}$/, "a provider's name"),
      instance: nullable(text),
      host: nullable(text),
      volume: text,
      reference: line,
      details: map(text),
    }),
  ),
  tool: text,
})

export const encodeExpiryNote = (note: ExpiryNote): Uint8Array => encodeRecord(note, expiryNote)

export function parseExpiryNote(bytes: Uint8Array, what: string): ExpiryNote {
  return parseRecord(bytes, what, expiryNote)
}
