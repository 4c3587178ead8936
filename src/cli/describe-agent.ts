/** The agent for people: a line for each job, then what went wrong. */
import { limits } from '../base/limits.ts'
import { formatDuration, formatRate, formatTime } from '../base/units.ts'
import type {
  AgentJobStatus,
  AgentRate,
  AgentRates,
  AgentRun,
  AgentSlowed,
  AgentStatus,
} from '../control/agent-status.ts'
import type { RunOutcome } from './ask-agent.ts'
import { alertLine, headOf, worstFirst } from './describe-alerts.ts'
import { listingOf, tableOf, type Column } from './table.ts'

const time = (iso: string): string => formatTime(Math.floor(Date.parse(iso) / 1000) * 1000)

const columns: readonly Column<AgentJobStatus>[] = [
  { head: 'JOB', of: ({ name }) => name },
  { head: 'SCHEDULE', of: ({ at }) => at },
  { head: 'STATE', of: ({ state, reason }) => (reason === null ? state : `${state}: ${reason}`) },
  { head: 'NEXT', of: ({ nextAt }) => time(nextAt) },
  { head: 'LAST', of: ({ history }) => lastOf(history.at(-1)) },
]

export function agentText(status: AgentStatus, nowMs: number): string {
  const head = listingOf([
    ['agent', `pid ${String(status.pid)}, up ${formatDuration(nowMs - Date.parse(status.startedAt))}`],
    ['configuration', `${status.configuration}, loaded ${time(status.loadedAt)}`],
    ['refused', status.refused ?? undefined],
    ['copies', status.copies ? 'kept up to date' : undefined],
    ['limits', limitsLine(status.limits)],
    ['slowed', status.limits.slowed ? slowedText(status.limits, status.limits.slowed) : undefined],
    ['alerts', status.alerts ? headOf(status.alerts, nowMs) : undefined],
  ])
  const troubles = status.jobs.flatMap(({ name, history }) => {
    const last = history.at(-1)
    return last && last.message !== null && last.outcome !== 'done' ? [`${name}: ${last.message}`] : []
  })
  const alerts = worstFirst(status.alerts?.open ?? []).map(alertLine)
  const lines = [...troubles, ...alerts].map(line => `${line}\n`)
  return [head, tableOf(status.jobs, columns), ...lines].join('\n')
}

/** How fast it may go, and who says so. */
export function limitsText({ read, network, slowed }: AgentRates): string {
  return listingOf([
    ['read', rateText(read)],
    ['network', rateText(network)],
    ['slowed', slowed ? slowedText({ read, network }, slowed) : undefined],
  ])
}

/** Undefined where there is nothing to tell. */
function limitsLine({ read, network }: AgentRates): string | undefined {
  const parts = Object.entries({ read, network }).flatMap(([kind, rate]) =>
    rate.bytesPerSecond === null && rate.from === 'configuration' ? [] : [`${kind} ${rateText(rate)}`],
  )
  return parts.length === 0 ? undefined : parts.join('; ')
}

/** `to 25.0 MiB/s of reading: replication lag 45.0 s` */
function slowedText({ read, network }: Omit<AgentRates, 'slowed'>, { share, reason }: AgentSlowed): string {
  const slowed = (what: string, { bytesPerSecond }: AgentRate): readonly string[] =>
    bytesPerSecond === null
      ? []
      : [`${formatRate(Math.max(limits.rateBytesMin, bytesPerSecond * share))} of ${what}`]
  const parts = [...slowed('reading', read), ...slowed('sending and fetching', network)]
  const rate =
    parts.length === 0 ? `1/${String(Math.round(1 / share))} of what was measured` : parts.join(', ')
  return `to ${rate}: ${reason}`
}

function rateText({ bytesPerSecond, from, until }: AgentRate): string {
  const rate = bytesPerSecond === null ? 'no limit' : formatRate(bytesPerSecond)
  if (from === 'configuration') return bytesPerSecond === null ? rate : `${rate}, by the configuration`
  const end = until === null ? 'until the configuration is loaded again' : `until ${time(until)}`
  return `${rate}, by \`holdfast agent limit\`, ${end}`
}

/** When would what run? */
export function nextRunsText(rows: readonly { name: string; at: string; next: readonly string[] }[]): string {
  return tableOf(rows, [
    { head: 'JOB', of: ({ name }) => name },
    { head: 'SCHEDULE', of: ({ at }) => at },
    { head: 'NEXT RUNS', of: ({ next }) => next.map(time).join(', ') },
  ])
}

export function runText(job: string, outcome: RunOutcome): string {
  if (!('outcome' in outcome)) return `${job}: started`
  const message = outcome.message === null ? '' : `: ${outcome.message}`
  return `${job}: ${outcome.outcome} after ${lasted(outcome)}${message}`
}

function lastOf(run: AgentRun | undefined): string {
  return run ? `${run.outcome}, ${time(run.startedAt)}, ${lasted(run)}` : '-'
}

const lasted = ({ startedAt, endedAt }: AgentRun): string =>
  formatDuration(Date.parse(endedAt) - Date.parse(startedAt))
