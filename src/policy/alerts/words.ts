/** What people read of alerts: subject lines, and what is wrong, since when, and what to do. Decides only. */
import { formatDuration, formatTime, second } from '../../base/units.ts'
import type { Finding } from './finding.ts'
import type { Notice } from './notice.ts'

/** A line of a notice: its label, and what it says. */
export type NoticeLine = readonly [label: string, text: string]

/** `CRITICAL gathr: main: the newest backup is 9d 02h old`. */
export function titleOf(notice: Notice): string {
  return `${wordOf(notice)} ${notice.cluster}: ${whatOf(notice.finding)}`
}

/** Of one message that tells of several: the worst is named, the others are counted. */
export function subjectOf(notices: readonly Notice[]): string {
  const [worst, ...others] = inOrder(notices)
  if (!worst) return ''
  return others.length === 0 ? titleOf(worst) : `${titleOf(worst)} (and ${String(others.length)} more)`
}

/** What needs somebody comes first, then what is over. */
export function inOrder(notices: readonly Notice[]): readonly Notice[] {
  return notices.toSorted((a, b) => rankOf(a) - rankOf(b))
}

export function linesOf(notice: Notice): readonly NoticeLine[] {
  const { kind, finding, sinceMs, atMs, cameTimes, alertId } = notice
  const isOver = kind === 'resolved'
  const lasted = formatDuration(Math.max(0, atMs - sinceMs))
  const all: readonly (NoticeLine | undefined)[] = [
    ['since', `${timeOf(sinceMs)} (${lasted}${isOver ? ', then it was over' : ''})`],
    cameTimes === undefined
      ? undefined
      : [
          'note',
          `it comes and goes: it came ${String(cameTimes)} times lately, and is over only when it stays away`,
        ],
    kind === 'withdrawn'
      ? ['note', 'it goes on, but is nothing of which the configuration has you told any more']
      : undefined,
    isOver ? undefined : ['to do', finding.fix],
    isOver || finding.runbook === null ? undefined : ['runbook', finding.runbook],
    kind === 'test' ? undefined : ['alert', `${alertId} ${finding.code}`],
  ]
  return all.filter(line => line !== undefined)
}

/** The text of a mail; other sinks have forms of their own. */
export function plainText(notices: readonly Notice[]): string {
  const parts = inOrder(notices).map(notice =>
    [titleOf(notice), ...linesOf(notice).map(([label, text]) => `  ${label.padEnd(7)}  ${text}`)].join('\n'),
  )
  return `${parts.join('\n\n')}\n`
}

export function wordOf({ kind, finding }: Notice): string {
  const state = finding.state.toUpperCase()
  switch (kind) {
    case 'opened':
      return state
    case 'worse':
      return `NOW ${state}`
    case 'better':
      return `ONLY ${state}`
    case 'repeated':
      return `STILL ${state}`
    case 'resolved':
      return 'RESOLVED'
    case 'withdrawn':
      return 'WITHDRAWN'
    case 'test':
      return 'TEST'
  }
}

export function whatOf({ repository, subject, message }: Finding): string {
  return [repository, subject, message].filter(part => part !== null).join(': ')
}

const timeOf = (ms: number): string => formatTime(ms - (ms % second))

function rankOf({ kind, finding }: Notice): number {
  if (kind === 'resolved' || kind === 'withdrawn') return 2
  return finding.state === 'critical' ? 0 : 1
}
