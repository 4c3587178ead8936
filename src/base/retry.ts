/** Trying again: jittered, growing pauses within a budget, only for faults that say it may help. */
import { isFault } from './fault.ts'
import type { World } from './world.ts'

export type Retry = <T>(attempt: () => Promise<T>, signal: AbortSignal) => Promise<T>

export interface RetryRule {
  readonly attemptsMax: number
  readonly pauseMsFirst: number
  readonly pauseMsMax: number
}

/** Each pause is drawn from between half and the whole of twice the last one's bound. */
export function retryWith({ clock, randomBytes }: World, rule: RetryRule): Retry {
  return async (attempt, signal) => {
    for (let tries = 1; ; tries++) {
      try {
        return await attempt()
      } catch (error) {
        if (tries >= rule.attemptsMax || !isFault(error) || !error.retry) throw error
        const boundMs = Math.min(rule.pauseMsMax, rule.pauseMsFirst * 2 ** (tries - 1))
        const chance = (randomBytes(1)[0] ?? 0) / 255
        await clock.sleep(boundMs / 2 + (boundMs / 2) * chance, signal)
      }
    }
  }
}
