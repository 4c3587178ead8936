/**
 * When what a repository holds now will be gone: the very plan of `expire`, made for one day after the other, with backups
 * and dumps going on at the pace at which they were made. Decides only.
 */
import { day, hour } from '../../base/units.ts'
import type { BackupFacts } from '../../policy/backup-facts.ts'
import type { DumpFacts } from '../../policy/dump-retention.ts'
import { keepsEverything, seriesOf, type Keepable, type KeepReason } from '../../policy/keep-rules.ts'
import type { ManagedRecord } from '../../repository/format/managed-json.ts'
import { parseTime } from '../../wal/time.ts'
import { isRemoved, planExpiry, type ExpireItem, type PlanRequest } from './plan.ts'
import type { PlaceFacts, Stored } from './facts.ts'
import type { WalStretch } from './wal-survey.ts'

export interface Departure {
  readonly item: ExpireItem
  /** The expiry of this day removes it; undefined: none that can be told. */
  readonly goneMs: number | undefined
  /** What keeps it until then, or for ever. */
  readonly because: string
}

export interface WalDeparture {
  readonly stretch: WalStretch
  readonly goneMs: number | undefined
}

export interface Forecast {
  /** In the order of the plan. */
  readonly items: readonly Departure[]
  readonly wal: readonly WalDeparture[]
}

/** Expiries run once a day. What twelve years do not let go is told to stay. */
const daysMax = 12 * 366

export function forecastExpiry(request: PlanRequest): Forecast {
  const { rules, nowMs } = request
  // Reports of drills hold no rows.
  const present = { ...request.facts, drills: [], folders: { backup: [], dump: [] } }
  const gone = new Map<string, number>()
  const because = new Map<string, string>()
  const goneWal = new Map<WalStretch, number>()
  const grow = 'archived' in rules ? (facts: PlaceFacts) => facts : growth(present, rules)
  const first = planExpiry({ ...request, facts: present })
  let facts: PlaceFacts = present
  for (let step = 0, atMs = nowMs; step < daysMax; step++) {
    const { items, wal } = planExpiry({ ...at(request, atMs), facts })
    for (const item of items) {
      if (isRemoved(item)) gone.set(item.id, gone.get(item.id) ?? atMs)
      else because.set(item.id, strongest(item.reasons).text)
    }
    for (const { stretch, reason } of wal)
      if (reason === undefined && !goneWal.has(stretch)) goneWal.set(stretch, atMs)
    const staying = items.filter(({ id }) => first.items.some(one => one.id === id) && !gone.has(id))
    if (staying.every(({ reasons }) => reasons.some(isForEver))) break
    atMs += day
    facts = grow(without(facts, gone), atMs)
  }
  return {
    items: first.items.map(item => ({
      item,
      goneMs: gone.get(item.id),
      because: because.get(item.id) ?? 'nothing: the next expiry removes it',
    })),
    wal: present.stretches.map(stretch => ({ stretch, goneMs: goneWal.get(stretch) })),
  }
}

/** Holds, locks and notes of the archive end by themselves. */
function at(request: PlanRequest, nowMs: number): PlanRequest {
  const lasts = ({ untilMs }: { readonly untilMs: number | undefined }): boolean =>
    untilMs === undefined || untilMs > nowMs
  const more = new Map([...request.more].map(([id, reasons]) => [id, reasons.filter(lasts)]))
  const { rules } = request
  if (!('archived' in rules)) return { ...request, more, nowMs }
  const archived = rules.archived.map(({ id, reasons }) => ({ id, reasons: reasons.filter(lasts) }))
  return { ...request, more, nowMs, rules: { archived } }
}

const endless: ReadonlySet<KeepReason['rule']> = new Set([
  'everything',
  'held',
  'archived',
  'unknown',
  'owed',
])

const isForEver = ({ rule, untilMs }: KeepReason): boolean => untilMs === undefined && endless.has(rule)

const strongest = (reasons: readonly KeepReason[]): KeepReason =>
  reasons.toSorted((a, b) => (b.untilMs ?? Infinity) - (a.untilMs ?? Infinity))[0] ?? nothing
const nothing: KeepReason = { rule: 'unknown', text: '', untilMs: undefined, isSure: false }

function without(facts: PlaceFacts, gone: ReadonlyMap<string, number>): PlaceFacts {
  const stays = ({ facts: { id } }: Stored<Keepable>): boolean => !gone.has(id)
  return {
    ...facts,
    backups: facts.backups.filter(stays),
    dumps: facts.dumps.filter(stays),
    managed: facts.managed.filter(({ id }) => !gone.has(id)),
  }
}

type Grow = (facts: PlaceFacts, untilMs: number) => PlaceFacts

/** What will have been made by then. Where nothing is ever removed, nothing has to be made for it. */
function growth(present: PlaceFacts, rules: Exclude<PlanRequest['rules'], { archived: unknown }>): Grow {
  const how = { timeZone: rules.timeZone }
  const backups = [...Map.groupBy(present.backups, ({ facts }) => facts.kind === 'snapshot').values()]
    .filter(some => !keepsEverything(some[0]?.facts.kind === 'snapshot' ? (rules.snapshots ?? rules) : rules))
    .map(some => new Maker(some, how, laterBackup))
  const dumps = keepsEverything(rules.dumps ?? {})
    ? []
    : [...Map.groupBy(present.dumps, ({ facts }) => selectionOf(facts)).values()].map(
        some => new Maker(some, how, laterDump),
      )
  const managed = keepsEverything(rules.snapshots ?? rules)
    ? []
    : [...Map.groupBy(present.managed, ({ instance }) => instance).values()].map(
        some => new Maker(some.map(storedManaged), how, laterManaged),
      )
  return (facts, untilMs) => ({
    ...facts,
    backups: [...facts.backups, ...backups.flatMap(maker => maker.until(untilMs))],
    dumps: [...facts.dumps, ...dumps.flatMap(maker => maker.until(untilMs))],
    managed: [
      ...facts.managed,
      ...managed.flatMap(maker => maker.until(untilMs)).map(one => one.facts.record),
    ],
  })
}

/** Goes on with a series at its pace. */
class Maker<Facts extends Keepable> {
  readonly #newest: Stored<Facts> | undefined
  readonly #paceMs: number
  readonly #later: (newest: Facts, count: number, endedMs: number) => Facts
  #count = 0
  #nextMs: number

  constructor(
    some: readonly Stored<Facts>[],
    { timeZone }: { readonly timeZone: string },
    later: (newest: Facts, count: number, endedMs: number) => Facts,
  ) {
    const inOrder = some.toSorted((a, b) => a.facts.endedAt - b.facts.endedAt)
    this.#newest = inOrder.at(-1)
    const endedMs = Math.floor((this.#newest?.facts.endedAt ?? 0) / 1000)
    const { paceMs = day } = seriesOf(
      inOrder.map(one => one.facts),
      () => true,
      { timeZone, nowMs: endedMs },
    )
    this.#paceMs = Math.max(paceMs, hour)
    this.#nextMs = endedMs + this.#paceMs
    this.#later = later
  }

  until(ms: number): readonly Stored<Facts>[] {
    const made: Stored<Facts>[] = []
    if (!this.#newest) return made
    for (; this.#nextMs <= ms; this.#nextMs += this.#paceMs) {
      const facts = this.#later(this.#newest.facts, ++this.#count, this.#nextMs)
      made.push({ facts, endedAt: new Date(this.#nextMs).toISOString(), storedBytes: 0, flaw: undefined })
    }
    return made
  }
}

const futureId = (id: string, count: number): string => `${id} and ${String(count)}`

function laterBackup(newest: BackupFacts, count: number, endedMs: number): BackupFacts {
  const lsn = newest.stopLsn + BigInt(count) * 0x1_0000_0000n
  return {
    ...newest,
    id: futureId(newest.id, count),
    kind: newest.kind === 'snapshot' ? 'snapshot' : 'full',
    parent: undefined,
    startLsn: lsn,
    stopLsn: lsn,
    startedAt: endedMs * 1000,
    endedAt: endedMs * 1000,
    isDamaged: false,
  }
}

const laterDump = (newest: DumpFacts, count: number, endedMs: number): DumpFacts => ({
  ...newest,
  id: futureId(newest.id, count),
  lsn: newest.lsn + BigInt(count) * 0x1_0000_0000n,
  endedAt: endedMs * 1000,
  isDamaged: false,
})

interface ManagedFacts extends Keepable {
  readonly record: ManagedRecord
}

const storedManaged = (record: ManagedRecord): Stored<ManagedFacts> => ({
  facts: { id: record.id, endedAt: parseTime(record.endedAt) ?? 0, record },
  endedAt: record.endedAt,
  storedBytes: 0,
  flaw: undefined,
})

function laterManaged({ record }: ManagedFacts, count: number, endedMs: number): ManagedFacts {
  const id = futureId(record.id, count)
  return { id, endedAt: endedMs * 1000, record: { ...record, id, endedAt: new Date(endedMs).toISOString() } }
}

const selectionOf = ({ isOfAll, isWhole, databases }: DumpFacts): string =>
  JSON.stringify([isWhole, isOfAll, databases])
