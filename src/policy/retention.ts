/**
 * Retention: which backups are kept, for which reasons, and how long each reason is sure to last. Decides only.
 *
 * A *good* backup is one that a restore would begin with: no page of it or of what it is based on is damaged, and
 * nothing of that is missing. Periods count the moments at which backups ended, since that is what they restore to.
 */
import { formatDuration } from '../base/units.ts'
import type { BackupFacts } from './backup-facts.ts'
import { calendarOf, type Calendar, type Period } from './calendar.ts'

export interface RetentionRules {
  readonly last?: number | undefined
  readonly withinMs?: number | undefined
  readonly hourly?: number | undefined
  readonly daily?: number | undefined
  readonly weekly?: number | undefined
  readonly monthly?: number | undefined
  readonly yearly?: number | undefined
  /** Never fewer good backups than this, whatever the other rules say. */
  readonly minimum: number
  /** Every moment of this long can be restored; undefined: every moment since the oldest backup that is kept. */
  readonly walMs?: number | undefined
  readonly timeZone: string
}

export type RetentionRule = 'everything' | 'last' | 'within' | Period | 'minimum' | 'window' | 'parent'

export interface KeepReason {
  readonly rule: RetentionRule
  /** For people, without a subject: `the newest of 2026-03-01, one of 7 days`. */
  readonly text: string
  /** The earliest time at which the reason could end, if backups go on being made as they were; undefined when nobody can tell. */
  readonly untilMs: number | undefined
  /** It lasts until then whatever backups are made; else that is told from the pace at which they were made. */
  readonly isSure: boolean
}

export interface RetentionVerdict {
  readonly backup: BackupFacts
  /** Kept when there is one. */
  readonly reasons: readonly KeepReason[]
}

export interface RetentionPlan {
  /** In the order in which they ended. */
  readonly verdicts: readonly RetentionVerdict[]
  /** WAL is kept from the start of this backup on; undefined when there is no good one. */
  readonly walFrom: BackupFacts | undefined
  /** Kept, and older: of their WAL only what makes each of them consistent. */
  readonly consistentOnly: readonly BackupFacts[]
}

export const periods: readonly Period[] = ['hourly', 'daily', 'weekly', 'monthly', 'yearly']

/** Whether the rules say anything; when not, every backup is kept. */
export function keepsEverything(rules: RetentionRules): boolean {
  return [rules.last, rules.withinMs, ...periods.map(period => rules[period])].every(
    rule => rule === undefined,
  )
}

export function planRetention(
  backups: readonly BackupFacts[],
  rules: RetentionRules,
  nowMs: number,
): RetentionPlan {
  const history = historyOf(backups, rules, nowMs)
  const reasons = new Map<string, KeepReason[]>(backups.map(({ id }) => [id, []]))
  const keep = (given: readonly Kept[]): void => {
    for (const { backup, reason } of given) reasons.get(backup.id)?.push(reason)
  }
  keep(keptByRules(history, rules))
  const isKept = ({ id }: BackupFacts): boolean => (reasons.get(id)?.length ?? 0) > 0
  keep(baseOfWindow(history, rules))
  keep(parentsOf(history, reasons))
  const base = windowBase(history, rules) ?? history.good.findLast(isKept)
  return {
    verdicts: history.all.map(backup => ({ backup, reasons: reasons.get(backup.id) ?? [] })),
    walFrom: base,
    consistentOnly: base
      ? history.all.filter(backup => isKept(backup) && backup.startLsn < base.startLsn)
      : [],
  }
}

/** When the last of the reasons could end: undefined when there is none, or nobody can tell of any. */
export function lastUntilMs(reasons: readonly KeepReason[]): number | undefined {
  const times = reasons.map(({ untilMs }) => untilMs).filter(ms => ms !== undefined)
  return times.length === 0 ? undefined : Math.max(...times)
}

interface Kept {
  readonly backup: BackupFacts
  readonly reason: KeepReason
}

interface History {
  /** In the order in which they ended. */
  readonly all: readonly BackupFacts[]
  readonly byId: ReadonlyMap<string, BackupFacts>
  /** The newest first. */
  readonly good: readonly BackupFacts[]
  readonly calendar: Calendar
  readonly nowMs: number
  /** Not before the newest backup, whose host's clock may be ahead of ours. */
  readonly latestMs: number
  /** The usual time from one backup to the next; undefined when there are too few. */
  readonly paceMs: number | undefined
}

const endedMs = ({ endedAt }: BackupFacts): number => Math.floor(endedAt / 1000)

function historyOf(backups: readonly BackupFacts[], rules: RetentionRules, nowMs: number): History {
  const all = backups.toSorted((a, b) => a.endedAt - b.endedAt || (a.id < b.id ? -1 : 1))
  const byId = new Map(all.map(backup => [backup.id, backup]))
  const good = all.filter(backup => isGood(backup, byId)).toReversed()
  return {
    all,
    byId,
    good,
    calendar: calendarOf(rules.timeZone),
    nowMs,
    latestMs: Math.max(nowMs, ...good.slice(0, 1).map(endedMs)),
    paceMs: paceOf(good),
  }
}

function isGood(backup: BackupFacts, byId: ReadonlyMap<string, BackupFacts>): boolean {
  const chain = [backup, ...ancestorsOf(backup, byId)]
  return chain.at(-1)?.parent === undefined && chain.every(({ isDamaged }) => !isDamaged)
}

/** So many of the newest tell the pace. */
const paceCount = 9

/** The middle one of the last gaps: one backup out of turn does not change it. */
function paceOf(newestFirst: readonly BackupFacts[]): number | undefined {
  const times = newestFirst.slice(0, paceCount).map(endedMs)
  const gaps = times.slice(1).map((ms, i) => (times[i] ?? ms) - ms)
  return gaps.sort((a, b) => a - b)[Math.floor(gaps.length / 2)]
}

function keptByRules(history: History, rules: RetentionRules): readonly Kept[] {
  const everything = keepsEverything(rules) ? history.all.map(backup => ({ backup, reason: unlimited })) : []
  return [
    ...everything,
    ...newest(history, 'last', rules.last ?? 0),
    ...newest(history, 'minimum', rules.minimum),
    ...within(history, rules.withinMs),
    ...periods.flatMap(period => byPeriod(history, period, rules[period] ?? 0)),
  ]
}

const unlimited: KeepReason = {
  rule: 'everything',
  text: 'no rule says that anything is not kept',
  untilMs: undefined,
  isSure: true,
}

function newest({ good, nowMs, paceMs }: History, rule: 'last' | 'minimum', count: number): readonly Kept[] {
  const newestMs = good.slice(0, 1).map(endedMs)[0] ?? nowMs
  return good.slice(0, count).map((backup, rank) => ({
    backup,
    reason: {
      rule,
      text: `${ordinal(rank)} of the last ${rule === 'last' ? String(count) : `${String(count)} good ones, of which there are never fewer`}`,
      untilMs: paceMs === undefined ? undefined : Math.max(nowMs, newestMs + (count - rank) * paceMs),
      isSure: false,
    },
  }))
}

/** Damaged ones, too: what is left of them may be all there is of a day. */
function within({ all, nowMs }: History, withinMs: number | undefined): readonly Kept[] {
  if (withinMs === undefined) return []
  return all
    .filter(backup => endedMs(backup) + withinMs > nowMs)
    .map(backup => ({
      backup,
      reason: {
        rule: 'within',
        text: `younger than ${formatDuration(withinMs)}`,
        untilMs: endedMs(backup) + withinMs,
        isSure: true,
      },
    }))
}

function byPeriod(history: History, period: Period, count: number): readonly Kept[] {
  const { good, calendar } = history
  const groups = Map.groupBy(good, backup => calendar.startOf(period, endedMs(backup)))
  const newestOfEach = [...groups].map(([startMs, [backup]]) => ({ startMs, backup })).slice(0, count)
  return newestOfEach.flatMap(({ startMs, backup }, rank) =>
    backup
      ? [
          {
            backup,
            reason: {
              rule: period,
              text: `the newest of ${calendar.name(period, startMs)}, one of ${String(count)} ${unitOf[period]}`,
              ...lapse(history, period, { startMs, rank, count }),
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
function lapse(
  { calendar, good, latestMs, paceMs }: History,
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

/** The newest good backup that had ended when the window of WAL begins: the one that its first moment is restored from. */
function windowBase({ good, nowMs }: History, { walMs }: RetentionRules): BackupFacts | undefined {
  if (walMs === undefined) return undefined
  return good.find(backup => endedMs(backup) <= nowMs - walMs) ?? good.at(-1)
}

/** It is needed until the next one is as old. */
function baseOfWindow(history: History, rules: RetentionRules): readonly Kept[] {
  const backup = windowBase(history, rules)
  const { walMs } = rules
  if (!backup || walMs === undefined) return []
  const next = history.good.findLast(other => other.endedAt > backup.endedAt)
  const text = `the window of ${formatDuration(walMs)} begins with it`
  const untilMs = (next ? endedMs(next) : history.nowMs) + walMs
  return [{ backup, reason: { rule: 'window', text, untilMs, isSure: true } }]
}

/** What a kept backup is based on is kept for as long. */
function parentsOf(
  { all, byId }: History,
  reasons: ReadonlyMap<string, readonly KeepReason[]>,
): readonly Kept[] {
  return all.flatMap(child => {
    const own = reasons.get(child.id) ?? []
    const parents = own.length === 0 ? [] : ancestorsOf(child, byId)
    const reason: KeepReason = {
      rule: 'parent',
      text: `${child.id} is based on it`,
      untilMs: lastUntilMs(own),
      isSure: own.every(({ isSure }) => isSure),
    }
    return parents.map(backup => ({ backup, reason }))
  })
}

/** What it is based on, the nearest first; of a chain that is broken, what is there of it. */
function ancestorsOf(backup: BackupFacts, byId: ReadonlyMap<string, BackupFacts>): readonly BackupFacts[] {
  const found = new Set<BackupFacts>()
  for (let { parent } = backup; parent !== undefined;) {
    const next = byId.get(parent)
    if (!next || next === backup || found.has(next)) break
    found.add(next)
    parent = next.parent
  }
  return [...found]
}

const ordinal = (rank: number): string => (rank === 0 ? 'the newest' : `number ${String(rank + 1)}`)
