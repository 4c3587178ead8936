/** Decides which sink is told what of an alert: where what it was told last is not what is so, or was told long ago. */
import { isFlapping, levelOf, stateOf, type Alert, type AlertRules, type Level, type Told } from './alert.ts'
import type { Severity } from './finding.ts'
import type { Notice, NoticeKind } from './notice.ts'
import type { Alerts } from './observe.ts'

export interface SinkRule {
  readonly name: string
  readonly min: Severity
  /** By their codes; undefined: all. */
  readonly only: ReadonlySet<string> | undefined
}

export interface Circumstances {
  readonly cluster: string
  readonly sinks: readonly SinkRule[]
  readonly rules: AlertRules
  /** Where the pages that say more can be read; undefined: their paths are told. */
  readonly runbooks: string | undefined
  readonly nowMs: number
}

export interface Announcement {
  readonly sink: string
  readonly notice: Notice
}

export interface Announced {
  readonly alerts: Alerts
  readonly announcements: readonly Announcement[]
}

export function announce(alerts: Alerts, now: Circumstances): Announced {
  const announcements: Announcement[] = []
  const after = [...alerts].map(([key, alert]): readonly [string, Alert] => {
    const told = now.sinks.flatMap(({ name, ...rule }): (readonly [string, Told])[] => {
      const before = alert.told[name]
      const wanted = wantedBy(rule, alert)
      const kind = kindOf(alert, before, wanted, now)
      if (kind === undefined) return before ? [[name, before]] : []
      const after = toldAfter(before, kind, wanted, now.nowMs)
      announcements.push({ sink: name, notice: noticeOf(alert, kind, before, after, now) })
      return [[name, after]]
    })
    return [key, { ...alert, told: Object.fromEntries(told) }]
  })
  return { alerts: new Map(after), announcements }
}

function wantedBy({ min, only }: Omit<SinkRule, 'name'>, { level, finding }: Alert): Level {
  return level >= levelOf(min) && (only?.has(finding.code) ?? true) ? level : 0
}

function kindOf(
  { level, ack }: Alert,
  told: Told | undefined,
  wanted: Level,
  { nowMs, rules }: Circumstances,
): NoticeKind | undefined {
  const before = told?.level ?? 0
  if (wanted === 0) return before === 0 ? undefined : level === 0 ? 'resolved' : 'withdrawn'
  if (before === 0) return 'opened'
  if (wanted !== before) return wanted > before ? 'worse' : 'better'
  const isKnown = ack !== undefined && ack.untilMs > nowMs
  return told && !isKnown && nowMs - told.atMs >= repeatMs(told.repeats, rules) ? 'repeated' : undefined
}

/** The pause doubles each time. */
export function repeatMs(repeats: number, { repeatMsFirst, repeatMsMost }: AlertRules): number {
  return Math.min(repeatMsMost, repeatMsFirst * 2 ** repeats)
}

function toldAfter(before: Told | undefined, kind: NoticeKind, level: Level, atMs: number): Told {
  const repeats = kind === 'repeated' ? (before?.repeats ?? 0) + 1 : 0
  return { level, atMs, repeats, notices: (before?.notices ?? 0) + 1 }
}

function noticeOf(
  alert: Alert,
  kind: NoticeKind,
  before: Told | undefined,
  after: Told,
  { cluster, rules, runbooks, nowMs }: Circumstances,
): Notice {
  const { id, finding, sinceMs, level, comings } = alert
  // As it is told, not as it was seen last.
  const shown = level || (before?.level ?? 0) || 1
  return {
    id: `${id}-${String(after.notices)}`,
    alertId: id,
    kind,
    cluster,
    finding: { ...finding, state: stateOf(shown), runbook: pageOf(finding.runbook, runbooks) },
    sinceMs,
    atMs: nowMs,
    cameTimes: isFlapping(alert, rules) ? comings.length : undefined,
  }
}

function pageOf(runbook: string | null, runbooks: string | undefined): string | null {
  if (runbook === null || runbooks === undefined) return runbook
  return `${runbooks.replace(/\/+$/, '')}/${runbook.replace(/^.*\//, '')}`
}
