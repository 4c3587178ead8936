/** Alerts and their sinks, for people. */
import { formatDuration, formatTime, second } from '../base/units.ts'
import type { AgentAlert, AgentAlerts, AgentSink } from '../control/agent-alerts.ts'
import { counted, listingOf, tableOf, type Column } from './table.ts'
import type { SinkTest } from './test-sinks.ts'

const testColumns: readonly Column<SinkTest>[] = [
  { head: 'SINK', of: ({ sink }) => sink },
  { head: 'KIND', of: ({ kind }) => kind },
  { head: 'TEST', of: ({ ok }) => (ok ? 'arrived' : 'FAILED') },
  { head: 'TOOK', of: ({ durationMs }) => formatDuration(durationMs), align: 'right' },
]

export function testsText(tests: readonly SinkTest[]): string {
  const troubles = tests.flatMap(({ message, hint }) =>
    message === null ? [] : [`\n${message}\n${hint === null ? '' : `→ ${hint}\n`}`],
  )
  return `${tableOf(tests, testColumns)}${troubles.join('')}`
}

export function alertsText(alerts: AgentAlerts, nowMs: number): string {
  const { open, sinks } = alerts
  const parts = [
    `${headOf(alerts, nowMs)}\n`,
    ...worstFirst(open).map(alert => alertText(alert, nowMs)),
    sinks.length === 0
      ? 'no sinks: nobody is told\n'
      : `${tableOf(sinks, sinkColumns(nowMs))}${sinks.map(troubleOf).join('')}`,
  ]
  return parts.join('\n')
}

/** `2 alerts are open, 1 of them critical; looked 12 s ago`. */
export function headOf({ open, lookedAt, lookFault }: AgentAlerts, nowMs: number): string {
  const critical = open.filter(({ state }) => state === 'critical').length
  const count =
    open.length === 0
      ? 'no alert is open'
      : `${counted(open.length, 'alert')} open${critical > 0 ? `, ${String(critical)} critical` : ''}`
  const looked = lookedAt === null ? 'not looked yet' : `looked ${agoOf(lookedAt, nowMs)}`
  return `${count}; ${looked}${lookFault === null ? '' : `, in vain: ${lookFault}`}`
}

export function worstFirst(open: readonly AgentAlert[]): readonly AgentAlert[] {
  const rank = ({ state }: AgentAlert): number => (state === 'critical' ? 0 : 1)
  return open.toSorted((a, b) => rank(a) - rank(b) || (a.since < b.since ? -1 : 1))
}

/** `CRITICAL  main: there is no backup`. */
export function alertLine({ state, repository, subject, message }: AgentAlert): string {
  return `${state.toUpperCase().padEnd(8)}  ${[repository, subject, message].filter(part => part !== null).join(': ')}`
}

function alertText(alert: AgentAlert, nowMs: number): string {
  const { id, code, since, isSeen, cameTimes, fix, runbook, told, ack } = alert
  const lines: readonly (readonly [string, string | undefined])[] = [
    ['alert', `${id} ${code}`],
    [
      'since',
      `${timeOf(since)} (${formatDuration(nowMs - Date.parse(since))})${isSeen ? '' : ', not seen any more: it is over soon'}`,
    ],
    ['note', cameTimes === null ? undefined : `it comes and goes: ${String(cameTimes)} times lately`],
    ['known', ack ? `until ${timeOf(ack.until)}${ack.reason === null ? '' : `: ${ack.reason}`}` : undefined],
    [
      'told',
      told
        .map(({ sink, at, isWaiting }) => (isWaiting ? `${sink}: waits` : `${sink} ${agoOf(at, nowMs)}`))
        .join(', ') || 'nobody',
    ],
    ['to do', fix],
    ['runbook', runbook ?? undefined],
  ]
  const indented = listingOf(lines).replace(/^/gm, '  ').trimEnd()
  return `${alertLine(alert)}\n${indented}\n`
}

const sinkColumns = (nowMs: number): readonly Column<AgentSink>[] => [
  { head: 'SINK', of: ({ name }) => name },
  { head: 'KIND', of: ({ kind }) => kind },
  { head: 'STATE', of: ({ fault }) => (fault === null ? 'ok' : 'FAILS') },
  { head: 'WAITING', of: ({ waiting }) => String(waiting), align: 'right' },
  { head: 'LAST', of: ({ deliveredAt }) => (deliveredAt === null ? '-' : agoOf(deliveredAt, nowMs)) },
]

function troubleOf({ name, fault, failingSince, nextAt }: AgentSink): string {
  if (fault === null) return ''
  const since = failingSince === null ? '' : ` since ${timeOf(failingSince)}`
  const next = nextAt === null ? '' : `; tried again at ${timeOf(nextAt)}`
  return `\n${name} fails${since}${next}\n  ${fault}\n`
}

const agoOf = (iso: string, nowMs: number): string =>
  `${formatDuration(Math.max(0, nowMs - Date.parse(iso)))} ago`

const timeOf = (iso: string): string => formatTime(Math.floor(Date.parse(iso) / second) * second)
