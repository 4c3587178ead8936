/**
 * What goes into the archive, and until when it stays there. Decides only.
 *
 * A rule keeps one good backup (or dump) of each week, month, quarter or year: the first or the last of it. A period has
 * its one once something of it lies in the archive by this rule, whatever becomes of the original: when the first of March
 * has expired, the second of March does not take its place.
 */
import { formatTime } from '../base/units.ts'
import { calendarOf, type Calendar, type Span } from './calendar.ts'

export const archivePeriods = ['week', 'month', 'quarter', 'year'] as const
export type ArchivePeriod = (typeof archivePeriods)[number]

export interface ArchiveRule {
  readonly name: string
  readonly every: ArchivePeriod
  readonly pick: 'first' | 'last'
  readonly keep: Span | 'forever'
  readonly timeZone: string
}

/** A backup or a dump of the repository. */
export interface ArchiveCandidate {
  readonly id: string
  /** What it restores to: it belongs to the period of this moment. */
  readonly endedMs: number
  /** A clause without a subject, when it can not be archived: `is damaged`. */
  readonly obstacle: string | undefined
}

/** What lies in the archive. */
export interface Archived {
  readonly id: string
  readonly endedMs: number
  /** What it is based on, which is kept for as long. */
  readonly parent?: string | undefined
  readonly keeps: readonly ArchivedKeep[]
}

export interface ArchivedKeep {
  /** Undefined: by hand. */
  readonly rule: string | undefined
  /** Undefined: for ever. */
  readonly untilMs: number | undefined
}

export interface ArchiveVerdict {
  readonly id: string
  /** `archive`: it is to be archived now. `archived`: it is. `left`: it stays out. */
  readonly what: 'archive' | 'archived' | 'left'
  /** Only of `archive`; undefined: for ever. */
  readonly untilMs: number | undefined
  /** For people, without a subject: `the first good one of 2026-03`. */
  readonly reason: string
}

/** Oldest first. */
export function planArchiving(
  rule: ArchiveRule,
  candidates: readonly ArchiveCandidate[],
  archived: readonly Archived[],
  nowMs: number,
): readonly ArchiveVerdict[] {
  const calendar = calendarOf(rule.timeZone)
  const mine = archived.filter(({ keeps }) => keeps.some(keep => keep.rule === rule.name))
  const taken = new Map(mine.map(one => [periodOf(calendar, rule.every, one.endedMs).startMs, one.id]))
  const oldestFirst = candidates.toSorted((a, b) => a.endedMs - b.endedMs || (a.id < b.id ? -1 : 1))
  const groups = Map.groupBy(oldestFirst, ({ endedMs }) => periodOf(calendar, rule.every, endedMs).startMs)
  return [...groups.values()].flatMap(group => judgeGroup(group, { rule, calendar, taken, nowMs }))
}

/** By hand: what was named, for as long as was said. */
export function planOne(
  { id, obstacle, endedMs }: ArchiveCandidate,
  keep: Span | 'forever',
  timeZone: string,
): ArchiveVerdict {
  if (obstacle !== undefined) return { id, what: 'left', untilMs: undefined, reason: obstacle }
  return { id, what: 'archive', untilMs: untilOf(calendarOf(timeZone), endedMs, keep), reason: 'asked for' }
}

interface Judging {
  readonly rule: ArchiveRule
  readonly calendar: Calendar
  /** By the beginning of the period. */
  readonly taken: ReadonlyMap<number, string>
  readonly nowMs: number
}

function judgeGroup(
  group: readonly ArchiveCandidate[],
  { rule, calendar, taken, nowMs }: Judging,
): readonly ArchiveVerdict[] {
  const [some] = group
  if (!some) return []
  const { startMs, endMs, name } = periodOf(calendar, rule.every, some.endedMs)
  const left = (id: string, reason: string): ArchiveVerdict => ({
    id,
    what: 'left',
    untilMs: undefined,
    reason,
  })
  const there = taken.get(startMs)
  if (there !== undefined)
    return group.map(({ id }) =>
      id === there
        ? { id, what: 'archived', untilMs: undefined, reason: `the one of ${name}` }
        : left(id, `${there} is the one of ${name}`),
    )
  const good = group.filter(({ obstacle }) => obstacle === undefined)
  const chosen = rule.pick === 'first' ? good[0] : good.at(-1)
  return group.map(({ id, obstacle, endedMs }) => {
    if (obstacle !== undefined) return left(id, obstacle)
    if (rule.pick === 'last' && nowMs < endMs) return left(id, `${name} is not over: the last of it is taken`)
    if (id !== chosen?.id)
      return left(id, `${chosen?.id ?? 'another'} is the ${rule.pick} good one of ${name}`)
    const untilMs = untilOf(calendar, endedMs, rule.keep)
    if (untilMs !== undefined && untilMs <= nowMs)
      return left(id, `would have been kept until ${formatTime(untilMs)}, which is over`)
    return { id, what: 'archive', untilMs, reason: `the ${rule.pick} good one of ${name}` }
  })
}

/** Undefined: for ever. In whole seconds, as it is written into the archive. */
export function untilOf(calendar: Calendar, endedMs: number, keep: Span | 'forever'): number | undefined {
  if (keep === 'forever') return undefined
  return Math.ceil(calendar.after(endedMs, keep) / 1000) * 1000
}

interface NamedPeriod {
  readonly startMs: number
  readonly endMs: number
  readonly name: string
}

function periodOf(calendar: Calendar, every: ArchivePeriod, ms: number): NamedPeriod {
  if (every === 'quarter') return quarterOf(calendar, ms)
  const period = ({ week: 'weekly', month: 'monthly', year: 'yearly' } as const)[every]
  const startMs = calendar.startOf(period, ms)
  return { startMs, endMs: calendar.later(period, startMs, 1), name: calendar.name(period, startMs) }
}

function quarterOf(calendar: Calendar, ms: number): NamedPeriod {
  const monthMs = calendar.startOf('monthly', ms)
  const [year = '', month = ''] = calendar.name('monthly', monthMs).split('-')
  const index = Number(month) - 1
  const startMs = calendar.later('monthly', monthMs, -(index % 3))
  const name = `${year}-Q${String(Math.floor(index / 3) + 1)}`
  return { startMs, endMs: calendar.later('monthly', startMs, 3), name }
}

export interface ArchivedVerdict {
  readonly id: string
  /** Kept when there is one. */
  readonly reasons: readonly ArchivedReason[]
}

export interface ArchivedReason {
  /** For people: `kept by monthly until 2027-03-01 02:03:20+00:00`. */
  readonly text: string
  /** Undefined: for ever. */
  readonly untilMs: number | undefined
}

/**
 * What of the archive is still to be kept. Whatever no note speaks of is kept: somebody put it there. What a kept one is
 * based on is kept with it.
 */
export function planArchived(archived: readonly Archived[], nowMs: number): readonly ArchivedVerdict[] {
  const byId = new Map(archived.map(one => [one.id, one]))
  const reasons = new Map<string, ArchivedReason[]>(
    archived.map(one => [one.id, ownReasons(one, archived, nowMs)]),
  )
  for (const one of archived) {
    const own = reasons.get(one.id) ?? []
    if (own.length === 0) continue
    const untilMs = own.some(reason => reason.untilMs === undefined)
      ? undefined
      : Math.max(...own.map(reason => reason.untilMs ?? 0))
    for (const ancestor of ancestorsOf(one, byId))
      reasons.get(ancestor.id)?.push({ text: `${one.id} is based on it`, untilMs })
  }
  return archived.map(({ id }) => ({ id, reasons: reasons.get(id) ?? [] }))
}

function ownReasons({ id, keeps }: Archived, archived: readonly Archived[], nowMs: number): ArchivedReason[] {
  const isParent = archived.some(other => other.parent === id)
  if (keeps.length === 0 && !isParent)
    return [{ text: 'nothing says until when it is kept', untilMs: undefined }]
  return keeps
    .filter(({ untilMs }) => untilMs === undefined || untilMs > nowMs)
    .map(({ rule, untilMs }) => ({
      text: `kept by ${rule ?? 'hand'} ${untilMs === undefined ? 'for ever' : `until ${formatTime(untilMs)}`}`,
      untilMs,
    }))
}

function ancestorsOf(one: Archived, byId: ReadonlyMap<string, Archived>): readonly Archived[] {
  const found = new Set<Archived>()
  for (let { parent } = one; parent !== undefined;) {
    const next = byId.get(parent)
    if (!next || next === one || found.has(next)) break
    found.add(next)
    parent = next.parent
  }
  return [...found]
}
