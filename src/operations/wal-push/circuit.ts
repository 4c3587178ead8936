/**
 * Decides only: when a repository that failed is tried again. A dead one must not cost every segment the time it takes to
 * find out that it is dead.
 */
import type { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'

/** There is one from the first failure until something succeeds again. */
export interface Circuit {
  readonly failures: number
  readonly sinceMs: number
  /** Not to be tried before. */
  readonly tryAgainMs: number
  readonly code: string
  readonly message: string
}

export function circuitAfter(
  before: Circuit | undefined,
  { code, message }: Pick<Fault, 'code' | 'message'>,
  nowMs: number,
): Circuit {
  // Several pushes that were under way together fail of one and the same outage.
  if (before && nowMs < before.tryAgainMs) return { ...before, code, message }
  const failures = (before?.failures ?? 0) + 1
  const pauseMs = Math.min(limits.walCircuitPauseMsMax, limits.walCircuitPauseMsFirst * 2 ** (failures - 1))
  return { failures, sinceMs: before?.sinceMs ?? nowMs, tryAgainMs: nowMs + pauseMs, code, message }
}

/** A clock that went back must not keep a repository shut for longer than the longest pause. */
export function isOpen(circuit: Circuit | undefined, nowMs: number): boolean {
  if (!circuit) return false
  return nowMs < circuit.tryAgainMs && circuit.tryAgainMs - nowMs <= limits.walCircuitPauseMsMax
}
