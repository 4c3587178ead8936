/**
 * Time that passes only when everybody waits: simulations of hours run in milliseconds, with many actors that really
 * interleave, and clocks that differ. The same seed gives the same story.
 */
import { simWorld, type Clock, type World } from '../../src/base/world.ts'

interface Timer {
  readonly atMs: number
  readonly order: number
  readonly wake: () => void
}

export class VirtualTime {
  #nowMs = Date.UTC(2026, 2, 1)
  #order = 0
  #timers: Timer[] = []

  get nowMs(): number {
    return this.#nowMs
  }

  /** A world whose wall clock differs from the true time. Once `frozen()` is true, nothing in it wakes up again. */
  world(
    seed: number,
    { skewMs = 0, frozen = () => false }: { skewMs?: number; frozen?: () => boolean } = {},
  ): World {
    const clock: Clock = {
      now: () => this.#nowMs + skewMs,
      monotonicMs: () => this.#nowMs,
      sleep: (durationMs, signal) => this.#sleep(durationMs, signal, frozen),
    }
    return { clock, randomBytes: simWorld({ seed }).randomBytes }
  }

  /** Lets time pass until `work` is done, or nobody waits for anything any more. */
  async run(work: Promise<unknown>): Promise<void> {
    const outcomes: { readonly error?: unknown }[] = []
    work.then(
      () => outcomes.push({}),
      (error: unknown) => outcomes.push({ error }),
    )
    for (;;) {
      // All that can go on without time passing goes on first.
      await new Promise(resolve => setImmediate(resolve))
      const [outcome] = outcomes
      if (outcome && 'error' in outcome) throw outcome.error
      if (outcome) return
      const next = this.#takeNext()
      if (!next) throw new Error('everybody waits for ever')
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.wake()
    }
  }

  #takeNext(): Timer | undefined {
    const [first, ...rest] = this.#timers.toSorted((a, b) => a.atMs - b.atMs || a.order - b.order)
    this.#timers = rest
    return first
  }

  #sleep(durationMs: number, signal: AbortSignal, frozen: () => boolean): Promise<void> {
    if (signal.aborted) return Promise.reject(reasonOf(signal))
    const { promise, resolve, reject } = Promise.withResolvers<undefined>()
    const onAbort = (): void => {
      this.#timers = this.#timers.filter(other => other !== timer)
      reject(reasonOf(signal))
    }
    const timer: Timer = {
      atMs: this.#nowMs + durationMs,
      order: this.#order++,
      wake: () => {
        signal.removeEventListener('abort', onAbort)
        if (!frozen()) resolve(undefined)
      },
    }
    this.#timers.push(timer)
    signal.addEventListener('abort', onAbort)
    return promise
  }
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason))
}
