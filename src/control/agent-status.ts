/** How an agent stands: what it answers to `status`. Times are ISO 8601, UTC. */
import type { AgentAlerts } from './agent-alerts.ts'

export interface AgentStatus {
  readonly pid: number
  readonly version: string
  readonly startedAt: string
  readonly configuration: string
  readonly loadedAt: string
  /** Why the file as it is now was not taken, when it was not; the one before is still carried out. */
  readonly refused: string | null
  /** Whether copies are kept up to date all the time. */
  readonly copies: boolean
  readonly limits: AgentRates
  readonly jobs: readonly AgentJobStatus[]
  /** Null when the configuration has no `alerts`. */
  readonly alerts: AgentAlerts | null
}

/** How fast each job may read, and how fast it may send and fetch. */
export interface AgentRates {
  readonly read: AgentRate
  readonly network: AgentRate
  /** Null: they go as fast as that. */
  readonly slowed: AgentSlowed | null
}

/** The database suffers: jobs get a share of what they may else, or of what they did before. */
export interface AgentSlowed {
  readonly share: number
  readonly reason: string
}

export interface AgentRate {
  /** Null: as fast as it goes. */
  readonly bytesPerSecond: number | null
  /** `change`: by `holdfast agent limit`. */
  readonly from: 'configuration' | 'change'
  /** Null: until the configuration is loaded again. */
  readonly until: string | null
}

export interface AgentJobStatus {
  readonly name: string
  readonly kind: string
  readonly at: string
  readonly state: 'running' | 'starting' | 'waiting' | 'scheduled'
  /** When it starts next, as far as time alone decides. */
  readonly nextAt: string
  readonly reason: string | null
  readonly pid: number | null
  readonly history: readonly AgentRun[]
}

export interface AgentRun {
  readonly dueAt: string
  readonly startedAt: string
  readonly endedAt: string
  readonly attempt: number
  readonly cause: string
  readonly outcome: string
  readonly exit: number | null
  readonly message: string | null
}
