/**
 * `<cluster>/archive/<shelf>/<id>/kept/<name>.json`: that something of the archive is kept, until when, and by which rule.
 * Never changed: who wants it kept longer writes another one, and the longest counts.
 */
import { nullable, object, literal, encodeRecord, parseRecord, text, textLike, type Parser } from './parse.ts'
import { clusterName, time } from './values.ts'

export interface KeptRecord {
  readonly format: 1
  readonly cluster: string
  readonly id: string
  /** Of the configuration; null when it was archived by hand. */
  readonly rule: string | null
  /** Null: for ever. */
  readonly until: string | null
  readonly archivedAt: string
  /** For people: why this one. */
  readonly reason: string
  /** That the objects were asked to be stored in; on folders it is only noted here. Null: the usual one. */
  readonly storageClass: string | null
  readonly tool: string
}

const keptRecord: Parser<KeptRecord> = object({
  format: literal(1),
  cluster: clusterName,
  id: textLike(/^\d{8}T\d{6}Z-[a-z]+$/, 'an id'),
  rule: nullable(textLike(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'a name')),
  until: nullable(time),
  archivedAt: time,
  reason: text,
  storageClass: nullable(text),
  tool: text,
})

export const encodeKeptRecord = (record: KeptRecord): Uint8Array => encodeRecord(record, keptRecord)

export function parseKeptRecord(bytes: Uint8Array, what: string): KeptRecord {
  return parseRecord(bytes, what, keptRecord)
}

/** `20270301T020000Z-monthly`, `forever-by-hand`: rule and time are in the name, so that a list tells them. */
export function keptName({ until, rule }: Pick<KeptRecord, 'until' | 'rule'>): string {
  const time = until === null ? 'forever' : `${until.slice(0, 19).replaceAll(/[-:]/g, '')}Z`
  return `${time}-${rule ?? byHand}`
}

const byHand = 'by-hand'

export interface Keep {
  /** Undefined: for ever. */
  readonly untilMs: number | undefined
  /** Undefined: by hand. */
  readonly rule: string | undefined
}

/** Undefined: not a name that keptName makes. */
export function parseKeptName(name: string): Keep | undefined {
  const [, when, rule] = /^(forever|\d{8}T\d{6}Z)-([a-z0-9][a-z0-9_-]{0,62})$/.exec(name) ?? []
  if (when === undefined || rule === undefined) return undefined
  const iso = when.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z')
  const untilMs = when === 'forever' ? undefined : Date.parse(iso)
  if (Number.isNaN(untilMs)) return undefined
  return { untilMs, rule: rule === byHand ? undefined : rule }
}
