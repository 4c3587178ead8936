/**
 * How many requests to one service are in flight. While it asks to be called less often (STORAGE_THROTTLED,
 * CLOUD_THROTTLED), everybody who uses it waits a little, and fewer go at the same time; what succeeds slowly wins the places back.
 */
import { isFault } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import type { World } from '../base/world.ts'

export interface Pace {
  run<T>(request: () => Promise<T>, signal: AbortSignal): Promise<T>
}

export function openPace(world: World): Pace {
  const state = new PaceState(world)
  return {
    async run(request, signal) {
      await state.enter(signal)
      const startMs = world.clock.monotonicMs()
      try {
        const result = await request()
        state.succeeded()
        return result
      } catch (error) {
        if (isFault(error, 'STORAGE_THROTTLED', 'CLOUD_THROTTLED')) state.throttled(startMs)
        throw error
      } finally {
        state.leave()
      }
    },
  }
}

class PaceState {
  readonly #world: World
  #allowed: number = limits.objectRequestsMax
  #inFlight = 0
  #pauseMs = 0
  #slowedMs = -Infinity
  #resumeMs = -Infinity
  readonly #waiting = new Set<() => void>()

  constructor(world: World) {
    this.#world = world
  }

  async enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    for (;;) {
      const waitMs = this.#resumeMs - this.#world.clock.monotonicMs()
      if (waitMs > 0) await this.#world.clock.sleep(waitMs, signal)
      else if (this.#inFlight < Math.floor(this.#allowed)) break
      else await this.#place(signal)
    }
    this.#inFlight++
  }

  leave(): void {
    this.#inFlight--
    const [next] = this.#waiting
    next?.()
  }

  succeeded(): void {
    this.#allowed = Math.min(limits.objectRequestsMax, this.#allowed + 1 / this.#allowed)
    if (this.#allowed === limits.objectRequestsMax) this.#pauseMs = 0
  }

  /** Many requests that were sent together are told together: they count once. */
  throttled(startMs: number): void {
    if (startMs <= this.#slowedMs) return
    this.#slowedMs = this.#world.clock.monotonicMs()
    this.#allowed = Math.max(1, this.#allowed / 2)
    this.#pauseMs = Math.min(
      limits.objectThrottlePauseMsMax,
      Math.max(limits.objectThrottlePauseMsFirst, this.#pauseMs * 2),
    )
    const chance = (this.#world.randomBytes(1)[0] ?? 0) / 255
    this.#resumeMs = this.#slowedMs + this.#pauseMs * (0.5 + chance / 2)
  }

  /** Resolves when somebody leaves; whoever is woken looks again. */
  async #place(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const wake = (): void => {
      this.#waiting.delete(wake)
      resolve(undefined)
    }
    this.#waiting.add(wake)
    signal.addEventListener('abort', wake, { once: true })
    await promise
    signal.removeEventListener('abort', wake)
    if (!signal.aborted) return
    // The place that woke us, if it was one, is another's now.
    const [next] = this.#waiting
    next?.()
    signal.throwIfAborted()
  }
}
