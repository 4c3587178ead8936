/** Trying again: jittered, growing pauses within a budget, only for faults that say it may help. */
import { isFault, type Fault } from './fault.ts'
import type { World } from './world.ts'

export type Retry = <T>(attempt: () => Promise<T>, signal: AbortSignal) => Promise<T>

export interface RetryRule {
  readonly attemptsMax: number
  readonly pauseMsFirst: number
  readonly pauseMsMax: number
  /** No new attempt begins later than this after the first: attempts themselves may take long. */
  readonly totalMsMax?: number
}

/** A try that failed, and is made again after a pause. */
export interface FailedTry {
  readonly fault: Fault
  /** How many were made so far. */
  readonly tries: number
  readonly triesMax: number
  /** From the beginning of the first to the beginning of the next. */
  readonly waitedMs: number
}

/**
 * Faults that have used up their attempts. A call inside another that is retried itself (a part of an object inside a
 * read of it, for example) would else be tried the square of the attempts.
 */
const exhausted = new WeakSet<Error>()

/** Each pause is drawn from between half and the whole of twice the last one's bound. `onFailed` is called before it. */
export function retryWith(
  { clock, randomBytes }: World,
  rule: RetryRule,
  onFailed?: (failed: FailedTry) => void,
): Retry {
  return async (attempt, signal) => {
    const startMs = clock.monotonicMs()
    for (let tries = 1; ; tries++) {
      try {
        return await attempt()
      } catch (error) {
        if (!isFault(error) || !error.retry || exhausted.has(error)) throw error
        const passedMs = clock.monotonicMs() - startMs
        const isLate = passedMs >= (rule.totalMsMax ?? Infinity)
        if (tries >= rule.attemptsMax || isLate) {
          exhausted.add(error)
          throw error
        }
        const boundMs = Math.min(rule.pauseMsMax, rule.pauseMsFirst * 2 ** (tries - 1))
        const chance = (randomBytes(1)[0] ?? 0) / 255
        const pauseMs = boundMs / 2 + (boundMs / 2) * chance
        onFailed?.({ fault: error, tries, triesMax: rule.attemptsMax, waitedMs: passedMs + pauseMs })
        await clock.sleep(pauseMs, signal)
      }
    }
  }
}
