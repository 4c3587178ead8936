/**
 * Decides only: whether jobs step back because the database suffers. In steps, each half as fast as the one before; a step
 * down when it is still too much some seconds after the last one, a step up when it has been well for a while.
 */
import { limits } from '../base/limits.ts'
import { formatDuration } from '../base/units.ts'

/** What is too much. */
export interface SlowDownRule {
  readonly replicationLag?: number | undefined
  readonly latency?: number | undefined
}

/** In milliseconds; undefined: it can not be told. */
export interface Strain {
  readonly replicationLagMs: number | undefined
  readonly latencyMs: number | undefined
}

export interface Slowness {
  /** So often halved. */
  readonly steps: number
  /** By a clock that never goes back. */
  readonly changedMs: number
  /** Why, as it was at the last step down. */
  readonly reason: string | undefined
}

export const fullSpeed: Slowness = { steps: 0, changedMs: -Infinity, reason: undefined }

export const shareOf = ({ steps }: Pick<Slowness, 'steps'>): number => 1 / 2 ** steps

/** The same value when nothing changes. */
export function decideSlowness(
  before: Slowness,
  rule: SlowDownRule,
  strain: Strain,
  nowMs: number,
): Slowness {
  const { steps, changedMs } = before
  const sinceMs = nowMs - changedMs
  const reason = tooMuch(rule, strain)
  if (reason !== undefined) {
    const mayStep = steps < limits.slowStepsMax && sinceMs >= limits.slowStepMs
    return mayStep ? { steps: steps + 1, changedMs: nowMs, reason } : before
  }
  if (steps === 0 || sinceMs < limits.recoverStepMs || !isWell(rule, strain)) return before
  return { steps: steps - 1, changedMs: nowMs, reason: steps === 1 ? undefined : before.reason }
}

function tooMuch(rule: SlowDownRule, { replicationLagMs, latencyMs }: Strain): string | undefined {
  if (rule.replicationLag !== undefined && (replicationLagMs ?? 0) > rule.replicationLag)
    return `replication lag ${formatDuration(replicationLagMs ?? 0)}`
  if (rule.latency !== undefined && (latencyMs ?? 0) > rule.latency)
    return `latency ${formatDuration(latencyMs ?? 0)}`
  return undefined
}

/** Well under what is too much, so that it does not swing; who can not tell is not well. */
function isWell(rule: SlowDownRule, { replicationLagMs, latencyMs }: Strain): boolean {
  const isUnder = (value: number | undefined, most: number | undefined): boolean =>
    most === undefined || (value !== undefined && value <= most / 2)
  return isUnder(replicationLagMs, rule.replicationLag) && isUnder(latencyMs, rule.latency)
}

/** Of the last few, so that one slow answer is no reason. */
export function medianOf(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
}
