/** What the configuration asks of the agent, as it works with it. Made anew when the configuration is loaded again. */
import { createHash } from 'node:crypto'
import type { Config } from '../config/config.ts'
import type { Job } from '../policy/jobs/job.ts'
import type { SlowDownRule } from '../policy/slow-down.ts'
import { limits } from '../base/limits.ts'
import type { RateLimits } from '../base/rates.ts'
import type { MetricsSetup } from './metrics/service.ts'
import { zoneOf } from '../schedule/time-zone.ts'
import type { OpenSinks } from '../sinks/open.ts'
import type { AlertsSetup } from './alerts/setup.ts'

export interface AgentSetup {
  readonly jobs: readonly AgentJob[]
  /** Whether copies are kept up to date all the time. */
  readonly copies: boolean
  readonly parallel: number
  readonly stopLimitMs: number
  readonly nice: number
  readonly io: 'normal' | 'low' | 'idle'
  readonly limits: RateLimits
  readonly slowDown: SlowDownRule | undefined
  readonly metrics: MetricsSetup
  /** Of the audit trail, where it is not in the agent's own folder. */
  readonly auditDirectory: string | undefined
}

/** With what was opened by it. */
export interface LoadedSetup extends AgentSetup {
  /** Undefined: nobody looks. */
  readonly alerts: AlertsSetup | undefined
  readonly sinks: OpenSinks
}

export interface AgentJob {
  readonly job: Job
  /** Words of the command line. */
  readonly command: readonly string[]
  readonly timeLimitMs: number
  /** By whose clocks it goes. */
  readonly timeZone: string
}

export function agentSetupOf(config: Config): AgentSetup {
  const { agent, audit, retention, repositories, cluster, metrics } = config
  const jobs = Object.entries(config.jobs).map(([name, stated]): AgentJob => {
    const timeZone = stated.at.timeZone ?? agent.timeZone ?? retention.timeZone
    return {
      timeZone,
      command: stated.command,
      timeLimitMs: stated.timeLimit ?? agent.timeLimit,
      job: {
        name,
        kind: stated.kind,
        schedule: stated.at,
        zone: zoneOf(timeZone),
        spreadMs: stated.spread ?? agent.spread,
        share: shareOf(`${cluster}/${name}`),
        window: stated.window ?? agent.window,
        catchUp: stated.catchUp,
        attemptsMax: stated.attempts ?? agent.attempts,
        pauseMsFirst: stated.pause ?? agent.pause,
        pauseMsMax: Math.max(stated.pause ?? agent.pause, limits.jobPauseMsMax),
      },
    }
  })
  const hasCopies = Object.values(repositories).some(({ copyOf }) => copyOf !== undefined)
  const areCopiesAJob = jobs.some(({ job }) => job.kind === 'copy')
  return {
    jobs,
    copies: hasCopies && agent.copies === 'here' && !areCopiesAJob,
    parallel: agent.parallel,
    stopLimitMs: agent.stopLimit,
    nice: agent.nice,
    io: agent.io,
    limits: config.limits,
    slowDown: agent.slowDown,
    metrics: {
      cluster,
      listen: metrics.listen,
      token: metrics.token,
      everyMs: metrics.every,
      cloudwatchMs: metrics.cloudwatch?.every,
    },
    auditDirectory: audit.directory,
  }
}

/** From 0 to 1, always the same for the same name, and for many names evenly. */
function shareOf(name: string): number {
  return createHash('sha256').update(name).digest().readUInt32BE(0) / 2 ** 32
}

export interface AgentPlaces {
  readonly folder: string
  readonly socketPath: string
}

export function agentPlacesOf({ agent, cluster }: Config): AgentPlaces {
  return {
    folder: agent.state ?? `/var/lib/holdfast/${cluster}`,
    socketPath: agent.socket ?? `/run/holdfast/${cluster}.sock`,
  }
}
