/** The port of sinks: where people hear of alerts. */
import { Fault } from '../base/fault.ts'
import type { Clock } from '../base/world.ts'
import type { Notice } from '../policy/alerts/notice.ts'
import type { Secret } from '../base/secret.ts'
import type { SecretSource } from '../config/secret-source.ts'

export const sinkKinds = ['slack', 'email', 'webhook', 'pagerduty', 'command'] as const
export type SinkKind = (typeof sinkKinds)[number]

export interface Sink {
  /** In the configuration. */
  readonly name: string
  readonly kind: SinkKind
  /** So many notices make one message. */
  readonly togetherMax: number
  /**
   * Resolves when they are delivered, with what is worth knowing though they are. Secrets are read anew each time, so that
   * those that were changed are taken.
   */
  send(notices: readonly Notice[], signal: AbortSignal): Promise<string | undefined>
}

/** A dead man's switch: somebody elsewhere hears that the agent lives, and raises the alarm when it is silent. */
export interface Ping {
  readonly name: string
  readonly everyMs: number
  /** Whether it is pinged only while nothing critical is open. */
  readonly onlyWhenWell: boolean
  ping(signal: AbortSignal): Promise<void>
}

/** What sinks are given of the world. */
export interface SinkDeps {
  readonly clock: Clock
  /** `key`: within the sink, for messages. */
  readonly reveal: (source: SecretSource, key: string, signal: AbortSignal) => Promise<Secret>
}

/** Somebody answered, and did not take it: it takes a person to change that. */
export function refused(message: string, hint: string, cause?: unknown): Fault {
  return new Fault('SINK_REFUSED', message, { hint, cause })
}

/** Nobody answered, or too late, or that it should be tried again. */
export function unavailable(message: string, hint: string, cause?: unknown): Fault {
  return new Fault('SINK_UNAVAILABLE', message, { hint, cause })
}
