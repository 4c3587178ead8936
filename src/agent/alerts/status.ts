/** From the alerts to what the agent tells of them. */
import { isFlapping, seenLevel, stateOf, type Alert, type AlertRules } from '../../policy/alerts/alert.ts'
import { emptyOutbox } from '../../policy/alerts/outbox.ts'
import type { AgentAlert, AgentAlerts, AgentSink } from '../../control/agent-alerts.ts'
import type { OpenSinks } from '../../sinks/open.ts'
import { iso } from '../status.ts'
import type { AlertsFacts } from './service.ts'

export function alertStatuses(
  { desk, lookedMs, lookFault, pings }: AlertsFacts,
  rules: AlertRules,
  open: OpenSinks,
): AgentAlerts {
  const sinks = open.sinks.map(({ name, kind }): AgentSink => {
    const { notices, failing, deliveredMs } = desk.outboxes.get(name) ?? emptyOutbox
    return {
      name,
      kind,
      waiting: notices.length,
      deliveredAt: isoOr(deliveredMs),
      fault: failing?.message ?? null,
      failingSince: isoOr(failing?.sinceMs),
      nextAt: isoOr(failing?.nextMs),
    }
  })
  return {
    lookedAt: isoOr(lookedMs),
    lookFault: lookFault ?? null,
    open: [...desk.alerts.values()].flatMap(alert => told(alert, rules, desk)),
    sinks: [...sinks, ...open.pings.map(({ name }) => pinged(name, pings))],
  }
}

function told(alert: Alert, rules: AlertRules, desk: AlertsFacts['desk']): readonly AgentAlert[] {
  const { id, finding, sinceMs, level, comings, ack } = alert
  if (level === 0) return []
  const waits = (sink: string): boolean =>
    desk.outboxes.get(sink)?.notices.some(({ alertId }) => alertId === id) ?? false
  return [
    {
      ...finding,
      id,
      state: stateOf(level),
      since: iso(sinceMs),
      isSeen: seenLevel(alert) > 0,
      cameTimes: isFlapping(alert, rules) ? comings.length : null,
      ack: ack ? { until: iso(ack.untilMs), reason: ack.reason ?? null } : null,
      told: Object.entries(alert.told)
        .filter(([, one]) => one.level > 0)
        .map(([sink, { atMs }]) => ({ sink, at: iso(atMs), isWaiting: waits(sink) })),
    },
  ]
}

function pinged(name: string, pings: AlertsFacts['pings']): AgentSink {
  const state = pings.get(name)
  const isWell = state?.fault === undefined
  return {
    name,
    kind: 'ping',
    waiting: 0,
    deliveredAt: isWell ? isoOr(state?.atMs) : null,
    fault: state?.fault ?? null,
    failingSince: null,
    nextAt: null,
  }
}

const isoOr = (ms: number | undefined): string | null => (ms === undefined ? null : iso(ms))
