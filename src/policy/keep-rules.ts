/**
 * The one language of retention: which of a series of things are kept by `last`, `within`, `hourly` … `yearly`, for which
 * reasons, and how long each reason is sure to last. The same for base backups, snapshots and dumps. Decides only.
 *
 * Periods count the moments at which things ended, since that is what they restore to.
 */
import { limits } from '../base/limits.ts'
import { formatDuration } from '../base/units.ts'
import type { Micros } from '../wal/time.ts'
import { calendarOf, type Calendar, type Period } from './calendar.ts'

/** What asks for something to be kept. */
export interface KeepRules {
  readonly last?: number | undefined
  readonly withinMs?: number | undefined
  readonly hourly?: number | undefined
  readonly daily?: number | undefined
  readonly weekly?: number | undefined
  readonly monthly?: number | undefined
  readonly yearly?: number | undefined
}

export type RetentionRule =
  | 'everything'
  | 'last'
  | 'within'
  | Period
  | 'minimum'
  | 'window'
  | 'parent'
  /** Somebody holds it. */
  | 'held'
  /** Another repository has to receive it first. */
  | 'owed'
  /** The storage would not let it go. */
  | 'locked'
  /** Of the archive: a note beside it says until when. */
  | 'archived'
  /** It can not be judged. */
  | 'unknown'

export interface KeepReason {
  readonly rule: RetentionRule
  /** For people, without a subject: `the newest of 2026-03-01, one of 7 days`. */
  readonly text: string
  /** The earliest time at which the reason could end, if backups go on being made as they were; undefined when nobody can tell. */
  readonly untilMs: number | undefined
  /** It lasts until then whatever backups are made; else that is told from the pace at which they were made. */
  readonly isSure: boolean
}

/** Reasons that no rule of the configuration gives, by id: holds, locks, copies that are owed. */
export type MoreReasons = ReadonlyMap<string, readonly KeepReason[]>

/** Whatever can be kept. */
export interface Keepable {
  readonly id: string
  readonly endedAt: Micros
}

export interface Kept<Thing> {
  readonly thing: Thing
  readonly reason: KeepReason
}

/** A series of one kind of things, as the rules see it. */
export interface Series<Thing> {
  /** In the order in which they were made. */
  readonly all: readonly Thing[]
  /** The newest first. */
  readonly good: readonly Thing[]
  /** When it ended: see `endsOf`. */
  readonly endedMs: (thing: Thing) => number
  readonly calendar: Calendar
  readonly nowMs: number
  /** Not before the newest, whose host's clock may be ahead of ours. */
  readonly latestMs: number
  /** The usual time from one to the next; undefined when there are too few. */
  readonly paceMs: number | undefined
}

export const periods: readonly Period[] = ['hourly', 'daily', 'weekly', 'monthly', 'yearly']

/** Whether the rules say anything; when not, everything is kept. */
export function keepsEverything(rules: KeepRules): boolean {
  return [rules.last, rules.withinMs, ...periods.map(period => rules[period])].every(
    rule => rule === undefined,
  )
}

/** `inOrder`: as they were made, told by more than clocks and names where there is more. */
export function seriesOf<Thing extends Keepable>(
  inOrder: readonly Thing[],
  isGood: (thing: Thing) => boolean,
  { timeZone, nowMs }: { readonly timeZone: string; readonly nowMs: number },
): Series<Thing> {
  const good = inOrder.filter(isGood).toReversed()
  const ends = endsOf(inOrder, nowMs)
  const endedMs = (thing: Thing): number => ends.get(thing) ?? nowMs
  return {
    all: inOrder,
    good,
    endedMs,
    calendar: calendarOf(timeZone),
    nowMs,
    latestMs: Math.max(nowMs, ...good.slice(0, 1).map(endedMs)),
    paceMs: paceOf(good.map(endedMs)),
  }
}

/**
 * Clocks of hosts are not trusted: nothing ended in the future, and what was made later did not end earlier. So a backup
 * of a host whose clock is behind is taken for as young as the one before it, and is not let go too soon.
 */
function endsOf<Thing extends Keepable>(
  inOrder: readonly Thing[],
  nowMs: number,
): ReadonlyMap<Thing, number> {
  const latestMs = nowMs + limits.leaseClockSkewMsMax
  let beforeMs = 0
  return new Map(
    inOrder.map(thing => {
      beforeMs = Math.max(beforeMs, Math.min(latestMs, Math.floor(thing.endedAt / 1000)))
      return [thing, beforeMs]
    }),
  )
}

/** So many of the newest tell the pace. */
const paceCount = 9

/** The middle one of the last gaps: one backup out of turn does not change it. */
function paceOf(newestFirst: readonly number[]): number | undefined {
  const times = newestFirst.slice(0, paceCount)
  const gaps = times.slice(1).map((ms, i) => (times[i] ?? ms) - ms)
  return gaps.sort((a, b) => a - b)[Math.floor(gaps.length / 2)]
}

export function keptByRules<Thing>(
  series: Series<Thing>,
  rules: KeepRules,
  minimum: number,
): readonly Kept<Thing>[] {
  const everything = keepsEverything(rules) ? series.all.map(thing => ({ thing, reason: unlimited })) : []
  return [
    ...everything,
    ...newest(series, 'last', rules.last ?? 0),
    ...newest(series, 'minimum', minimum),
    ...within(series, rules.withinMs),
    ...periods.flatMap(period => byPeriod(series, period, rules[period] ?? 0)),
  ]
}

/** When the last of the reasons could end: undefined when there is none, or nobody can tell of any. */
export function lastUntilMs(reasons: readonly KeepReason[]): number | undefined {
  const times = reasons.map(({ untilMs }) => untilMs).filter(ms => ms !== undefined)
  return times.length === 0 ? undefined : Math.max(...times)
}

const unlimited: KeepReason = {
  rule: 'everything',
  text: 'no rule says that anything is not kept',
  untilMs: undefined,
  isSure: true,
}

function newest<Thing>(
  { good, endedMs, nowMs, paceMs }: Series<Thing>,
  rule: 'last' | 'minimum',
  count: number,
): readonly Kept<Thing>[] {
  const newestMs = good.slice(0, 1).map(endedMs)[0] ?? nowMs
  return good.slice(0, count).map((thing, rank) => ({
    thing,
    reason: {
      rule,
      text: `${ordinal(rank)} of the last ${rule === 'last' ? String(count) : `${String(count)} good ones, of which there are never fewer`}`,
      untilMs: paceMs === undefined ? undefined : Math.max(nowMs, newestMs + (count - rank) * paceMs),
      isSure: false,
    },
  }))
}

/** Damaged ones, too: what is left of them may be all there is of a day. */
function within<Thing>(
  { all, endedMs, nowMs }: Series<Thing>,
  withinMs: number | undefined,
): readonly Kept<Thing>[] {
  if (withinMs === undefined) return []
  return all
    .filter(thing => endedMs(thing) + withinMs > nowMs)
    .map(thing => ({
      thing,
      reason: {
        rule: 'within',
        text: `younger than ${formatDuration(withinMs)}`,
        untilMs: endedMs(thing) + withinMs,
        isSure: true,
      },
    }))
}

function byPeriod<Thing>(series: Series<Thing>, period: Period, count: number): readonly Kept<Thing>[] {
  const { good, calendar, endedMs } = series
  const groups = Map.groupBy(good, thing => calendar.startOf(period, endedMs(thing)))
  const newestOfEach = [...groups].map(([startMs, [thing]]) => ({ startMs, thing })).slice(0, count)
  return newestOfEach.flatMap(({ startMs, thing }, rank) =>
    thing
      ? [
          {
            thing,
            reason: {
              rule: period,
              text: `the newest of ${calendar.name(period, startMs)}, one of ${String(count)} ${unitOf[period]}`,
              ...lapse(series, period, { startMs, rank, count }),
            },
          },
        ]
      : [],
  )
}

const unitOf: Readonly<Record<Period, string>> = {
  hourly: 'hours',
  daily: 'days',
  weekly: 'weeks',
  monthly: 'months',
  yearly: 'years',
}

interface PlaceOfPeriod {
  readonly startMs: number
  /** 0: the newest period that has a backup. */
  readonly rank: number
  readonly count: number
}

/** The period falls out of the rule when so many newer ones have a backup. */
function lapse<Thing>(
  { calendar, good, endedMs, latestMs, paceMs }: Series<Thing>,
  period: Period,
  { startMs, rank, count }: PlaceOfPeriod,
): Pick<KeepReason, 'untilMs' | 'isSure'> {
  const currentMs = calendar.startOf(period, latestMs)
  const [latest] = good
  if (startMs < currentMs) {
    const isCurrentTaken = latest !== undefined && calendar.startOf(period, endedMs(latest)) === currentMs
    const further = count - rank - (isCurrentTaken ? 0 : 1)
    return { untilMs: Math.max(latestMs, calendar.later(period, currentMs, further)), isSure: true }
  }
  // The period is not over: the next backup takes its place, unless none is due before its end.
  const nextMs = latest === undefined || paceMs === undefined ? undefined : endedMs(latest) + paceMs
  const staysNewest = nextMs === undefined || nextMs >= calendar.later(period, startMs, 1)
  return {
    untilMs: staysNewest ? calendar.later(period, startMs, count) : Math.max(latestMs, nextMs),
    isSure: false,
  }
}

const ordinal = (rank: number): string => (rank === 0 ? 'the newest' : `number ${String(rank + 1)}`)
