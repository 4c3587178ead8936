/** What the agent finds wrong with its own work: jobs that failed or were given up, and what they found. Decides only. */
import { formatDuration, formatTime, minute, second } from '../../base/units.ts'
import { findingOf, type FindingCode, type StatusFinding } from '../findings/finding.ts'
import type { Job, JobMemory, RunRecord } from '../jobs/job.ts'
import type { Finding } from './finding.ts'
import type { Outbox } from './outbox.ts'

/** They are about the agent: it always knows. */
export const ownCodes: ReadonlySet<string> = new Set<FindingCode>([
  'job-failed',
  'job-findings',
  'configuration-refused',
  'status-unknown',
  'sink-failing',
])

export interface AgentFacts {
  readonly jobs: readonly Pick<Job, 'name' | 'kind' | 'attemptsMax'>[]
  readonly memories: ReadonlyMap<string, JobMemory>
  /** Why the configuration as it is now is not carried out. */
  readonly refused: string | undefined
  /** Why `status` could not be had. */
  readonly lookFault: string | undefined
  readonly outboxes: ReadonlyMap<string, Outbox>
}

export function agentFindings(facts: AgentFacts, nowMs: number): readonly StatusFinding[] {
  const { jobs, memories, refused, lookFault, outboxes } = facts
  return [
    ...jobs.flatMap(job => jobFindings(job, memories.get(job.name))),
    ...(refused === undefined ? [] : [refusedFinding(refused)]),
    ...(lookFault === undefined ? [] : [lookFinding(lookFault)]),
    ...[...outboxes].flatMap(([sink, outbox]) => sinkFindings(sink, outbox, nowMs)),
  ]
}

/**
 * One trouble, one alert: where `status` tells of a failed job, too, under a code of its own, what the agent knows of it (that it
 * is given up, say) goes by that code.
 */
export function underCodesOf(told: readonly Finding[], own: readonly StatusFinding[]): readonly Finding[] {
  return own.map(finding => {
    if (!finding.code.startsWith('job-')) return finding
    const same = told.find(
      ({ code, repository, subject }) =>
        repository === null && subject === finding.subject && /-failed$|^damage-/.test(code),
    )
    return same ? { ...finding, code: same.code, runbook: same.runbook } : finding
  })
}

/** `status` tells of it, too, where it can read what the agent remembers. */
export function jobFindings(
  { name, kind, attemptsMax }: AgentFacts['jobs'][number],
  memory: JobMemory | undefined,
): readonly StatusFinding[] {
  const last = memory?.history.findLast(counts)
  if (!last || last.outcome === 'done') return []
  const repository = null
  const subject = name
  const said = last.message ?? 'it did not say why'
  if (last.outcome === 'findings')
    return [
      findingOf('job-findings', {
        state: 'critical',
        repository,
        subject,
        message: `\`${kind}\` is done and found damage: ${said}`,
        fix: `Look at what it found (\`holdfast agent status --json\` has all of it), and run it again when that is settled: \`holdfast agent run ${name}\`.`,
      }),
    ]
  const again = memory?.trying
  const what = `\`${kind}\` ${howIt[last.outcome]}: ${said}`
  return [
    findingOf('job-failed', {
      state: again ? 'warning' : 'critical',
      repository,
      subject,
      message: again
        ? `${what} (attempt ${String(last.attempt)} of ${String(attemptsMax)})`
        : `${what}; it is given up until its next run`,
      fix: again
        ? `Nothing yet: it is tried again at ${timeOf(again.nextMs)}. \`holdfast agent status\` tells how it goes.`
        : `Find out why, and run it then: \`holdfast agent run ${name}\`.`,
    }),
  ]
}

const howIt = {
  failed: 'failed',
  refused: 'can not be run as it is stated',
  timeout: 'took too long',
  lost: 'ended, nobody knows how',
} as const

type Telling = RunRecord & { readonly outcome: Exclude<RunRecord['outcome'], 'stopped'> }

/** What was stopped says nothing of the job; what failed by hand failed before the eyes of somebody. */
function counts(run: RunRecord): run is Telling {
  if (run.outcome === 'stopped') return false
  return run.cause !== 'hand' || run.outcome === 'done' || run.outcome === 'findings'
}

function refusedFinding(refused: string): StatusFinding {
  return findingOf('configuration-refused', {
    state: 'warning',
    repository: null,
    message: `the agent goes on with the configuration that it had: ${firstLineOf(refused)}`,
    fix: 'Correct the file, and run `holdfast agent reload`, which tells all mistakes.',
  })
}

function lookFinding(fault: string): StatusFinding {
  return findingOf('status-unknown', {
    state: 'critical',
    repository: null,
    message: `whether the backups are well can not be told: ${firstLineOf(fault)}`,
    fix: 'Run `holdfast status` as the user of the agent; until it works, nobody hears of what else is wrong.',
  })
}

/** A moment's trouble is none: it is tried again. */
function sinkFindings(sink: string, { failing, notices }: Outbox, nowMs: number): readonly StatusFinding[] {
  if (!failing || nowMs - failing.sinceMs < sinkTroubleMsMin) return []
  return [
    findingOf('sink-failing', {
      state: 'warning',
      repository: null,
      subject: sink,
      message: `alerts do not arrive there for ${formatDuration(nowMs - failing.sinceMs)}, ${String(notices.length)} wait: ${failing.message}`,
      fix: `Run \`holdfast alerts test ${sink}\`, which says what to change.`,
    }),
  ]
}

const sinkTroubleMsMin = 5 * minute

const timeOf = (ms: number): string => formatTime(ms - (ms % second))
const firstLineOf = (text: string): string => text.split('\n').slice(0, 2).join(' ').trim()
