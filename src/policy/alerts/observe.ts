/** Decides what a look at everything means for the alerts. Decides only; the clock is an argument. */
import { alertLimits } from '../../base/alert-limits.ts'
import {
  alertIdOf,
  isFlapping,
  levelOf,
  seenLevel,
  type Alert,
  type AlertRules,
  type Level,
  type Mark,
} from './alert.ts'
import { keyOf, type Finding, type Look } from './finding.ts'

/** By their keys. */
export type Alerts = ReadonlyMap<string, Alert>

export function observe(alerts: Alerts, look: Look, rules: AlertRules): Alerts {
  const found = worstOf(look.findings)
  const keys = new Set([...alerts.keys(), ...found.keys()])
  const after = [...keys].flatMap((key): (readonly [string, Alert])[] => {
    const finding = found.get(key)
    const known = alerts.get(key)
    const alert = known ? believable(known, look.atMs) : finding && newAlert(key, finding, look.atMs)
    if (!alert) return []
    // That it was not seen says nothing where nobody could look.
    if (!finding && look.isBlindTo(alert.finding)) return [[key, alert]]
    const next = step(key, alert, finding, look.atMs, rules)
    return isForgotten(next) ? [] : [[key, next]]
  })
  return new Map(after)
}

function worstOf(findings: readonly Finding[]): ReadonlyMap<string, Finding> {
  const found = new Map<string, Finding>()
  for (const finding of findings) {
    const known = found.get(keyOf(finding))
    if (!known || levelOf(finding.state) > levelOf(known.state)) found.set(keyOf(finding), finding)
  }
  return found
}

function newAlert(key: string, finding: Finding, nowMs: number): Alert {
  const unseen = { seen: false, sinceMs: nowMs }
  return {
    id: alertIdOf(key, nowMs),
    finding,
    sinceMs: nowMs,
    warning: unseen,
    critical: unseen,
    level: 0,
    comings: [],
    told: {},
    ack: undefined,
  }
}

function step(
  key: string,
  alert: Alert,
  found: Finding | undefined,
  nowMs: number,
  rules: AlertRules,
): Alert {
  const seen = levelOf(found?.state)
  const before = seenLevel(alert)
  const warning = markOf(alert.warning, seen >= 1, nowMs)
  const critical = markOf(alert.critical, seen >= 2, nowMs)
  const came = seen > before ? [...alert.comings, nowMs] : alert.comings
  const comings = came.filter(ms => ms > nowMs - rules.flappingWithinMs).slice(-alertLimits.alertComingsMax)
  const isAnew = alert.level === 0 && before === 0 && seen > 0
  const next: Alert = {
    ...alert,
    ...(isAnew && { id: alertIdOf(key, nowMs), sinceMs: nowMs, told: {}, ack: undefined }),
    finding: found ?? alert.finding,
    warning,
    critical,
    comings,
  }
  const level = levelFor(next, nowMs, rules)
  // What somebody knows of is what it was.
  return { ...next, level, ack: level > alert.level ? undefined : next.ack }
}

const markOf = (mark: Mark, seen: boolean, nowMs: number): Mark =>
  mark.seen === seen ? mark : { seen, sinceMs: nowMs }

function levelFor(alert: Alert, nowMs: number, rules: AlertRules): Level {
  const { warning, critical, level } = alert
  // What comes and goes needs not stay to be told of; it is over when it no longer does so, or was away for all that time.
  const flapping = isFlapping(alert, rules)
  const riseMs = flapping ? 0 : rules.afterMs
  const fallMs = flapping ? rules.flappingWithinMs : rules.overAfterMs
  const has = ({ seen, sinceMs }: Mark): boolean => seen && nowMs - sinceMs >= riseMs
  const lacks = ({ seen, sinceMs }: Mark): boolean => !seen && nowMs - sinceMs >= fallMs
  const least = has(critical) ? 2 : has(warning) ? 1 : 0
  const most = lacks(warning) ? 0 : lacks(critical) ? 1 : 2
  return Math.max(least, Math.min(level, most)) as Level
}

/** Nobody has to be told that it is over, and whether it comes and goes is no longer a question. */
function isForgotten(alert: Alert): boolean {
  const { level, comings, told } = alert
  const isTold = Object.values(told).some(one => one.level > 0)
  return level === 0 && seenLevel(alert) === 0 && comings.length === 0 && !isTold
}

/** The clock may have been put back: nothing has happened later than now. */
function believable(alert: Alert, nowMs: number): Alert {
  const past = (ms: number): number => Math.min(ms, nowMs)
  const { warning, critical, told } = alert
  return {
    ...alert,
    sinceMs: past(alert.sinceMs),
    warning: { ...warning, sinceMs: past(warning.sinceMs) },
    critical: { ...critical, sinceMs: past(critical.sinceMs) },
    comings: alert.comings.map(past),
    told: Object.fromEntries(
      Object.entries(told).map(([sink, one]) => [sink, { ...one, atMs: past(one.atMs) }]),
    ),
  }
}
