/** What an agent answers of its alerts. Times are ISO 8601, UTC. */
export interface AgentAlerts {
  readonly lookedAt: string | null
  /** Why nothing could be told by the last look. */
  readonly lookFault: string | null
  readonly open: readonly AgentAlert[]
  readonly sinks: readonly AgentSink[]
}

export interface AgentAlert {
  readonly id: string
  readonly code: string
  readonly state: 'warning' | 'critical'
  readonly repository: string | null
  readonly subject: string | null
  readonly message: string
  readonly fix: string
  readonly runbook: string | null
  readonly since: string
  /** Whether the last look saw it; else it is over soon. */
  readonly isSeen: boolean
  /** It comes and goes: so often it came lately. */
  readonly cameTimes: number | null
  readonly ack: { readonly until: string; readonly reason: string | null } | null
  readonly told: readonly { readonly sink: string; readonly at: string; readonly isWaiting: boolean }[]
}

export interface AgentSink {
  readonly name: string
  readonly kind: string
  /** So many notices wait to be delivered. */
  readonly waiting: number
  readonly deliveredAt: string | null
  readonly fault: string | null
  readonly failingSince: string | null
  readonly nextAt: string | null
}
