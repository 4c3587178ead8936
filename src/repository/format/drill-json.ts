/** Encodes and decodes `drill.json` and the report of a drill; the fields are explained in drill-record.ts. */
import {
  drillKinds,
  drillPhases,
  drillStates,
  type DrillRecord,
  type DrillReport,
  type DrillSummary,
} from './drill-record.ts'
import {
  array,
  checked,
  count,
  encodeRecord,
  flag,
  literal,
  nullable,
  object,
  optional,
  parseRecord,
  text,
  textLike,
  type Parser,
} from './parse.ts'
import { anyId } from './hold-record.ts'
import { clusterName, drillId, lsn, sha256, systemIdentifier, time, timeline } from './values.ts'

const sourceFields = {
  repository: text,
  backup: nullable(anyId),
  kind: nullable(literal(...drillKinds)),
}
const objective = object({ actualMs: nullable(count()), targetMs: nullable(count()) })
const phase = object({
  name: literal(...drillPhases),
  startedAt: time,
  durationMs: count(),
  bytes: nullable(count()),
  cpuMs: nullable(count()),
})

/** What the record and the report have in common. */
const measured = {
  startedAt: time,
  endedAt: time,
  durationMs: count(),
  phases: array(phase),
  sizes: object({ rawBytes: count(), storedBytes: count(), walBytes: count() }),
  workers: count(1),
  rto: objective,
  rpo: objective,
}
const named = { id: drillId, outcome: literal('passed', 'failed'), host: text }
const owned = { format: literal(1), cluster: clusterName, systemIdentifier }

const summaryFields = {
  ...named,
  source: object(sourceFields),
  ...measured,
  answers: object({ ok: count(), failed: count(), notAsked: count() }),
  tool: text,
}

export const drillSummary: Parser<DrillSummary> = object(summaryFields)

const stored = (name: RegExp) =>
  object({ name: textLike(name, 'the name of a report'), sizeBytes: count(), sha256 })

const drillRecord: Parser<DrillRecord> = object({
  ...owned,
  ...summaryFields,
  report: stored(/^report\.json\.zst(\.age)?$/),
  page: stored(/^report\.html\.zst(\.age)?$/),
})

const question = object({
  id: textLike(/^[a-z][a-z0-9:._-]{0,99}$/, 'the id of a question'),
  question: text,
  state: literal(...drillStates),
  evidence: array(text),
  reason: text,
  durationMs: nullable(count()),
})

/** The first characters say that it is a key for Ed25519. */
export const drillKey = textLike(/^MCowBQYDK2VwAyEA[A-Za-z0-9+/]{43}=$/, 'a public key for Ed25519')

const signature = object({
  algorithm: literal('ed25519'),
  key: drillKey,
  value: textLike(/^[A-Za-z0-9+/]{86}==$/, 'a signature by Ed25519'),
})

const drillReport: Parser<DrillReport> = checked(
  object({
    ...owned,
    ...named,
    source: object({ ...sourceFields, location: text, takenAt: nullable(time) }),
    target: object({ asked: text, time: nullable(time), lsn: nullable(lsn) }),
    reached: nullable(object({ time: nullable(time), lsn: nullable(lsn), timeline: nullable(timeline) })),
    ...measured,
    checklist: array(question),
    rowCounts: array(object({ database: text, table: text, rows: count(), exact: flag })),
    notes: array(text),
    fault: nullable(object({ code: text, message: text, hint: text })),
    versions: object({ postgres: text, node: text, system: text }),
    seed: text,
    tool: text,
    signature: optional(signature),
  }),
  ({ outcome, checklist, fault }, fail) => {
    if (new Set(checklist.map(({ id }) => id)).size !== checklist.length)
      fail('checklist', 'a list of different questions')
    const isFailed = fault !== null || checklist.some(({ state }) => state === 'failed')
    if (isFailed !== (outcome === 'failed')) fail('outcome', 'what the answers say')
  },
)

/** Of a whole report: what is told without a key. */
export function summaryOfReport({ checklist, ...report }: DrillReport): DrillSummary {
  const count = (state: string): number => checklist.filter(question => question.state === state).length
  const answers = { ok: count('ok'), failed: count('failed'), notAsked: count('not-asked') }
  return drillSummary({ ...report, answers }, '')
}

/** Without what else the record holds: parsing names the fields. */
export const summaryOfDrill = (record: DrillSummary): DrillSummary => drillSummary(record, '')

export const encodeDrillRecord = (record: DrillRecord): Uint8Array => encodeRecord(record, drillRecord)
export const encodeDrillReport = (report: DrillReport): Uint8Array => encodeRecord(report, drillReport)

export function parseDrillRecord(bytes: Uint8Array, what: string): DrillRecord {
  return parseRecord(bytes, what, drillRecord)
}

export function parseDrillReport(bytes: Uint8Array, what: string): DrillReport {
  return parseRecord(bytes, what, drillReport)
}
