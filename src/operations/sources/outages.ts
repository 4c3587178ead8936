/** Remembers which repositories could not be reached, so that nobody waits for them again and again. */
import type { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { Clock } from '../../base/world.ts'
import { isOutage } from './trouble.ts'

export class Outages {
  readonly #clock: Pick<Clock, 'monotonicMs'>
  readonly #known = new Map<string, { readonly fault: Fault; readonly atMs: number }>()

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock
  }

  /** What kept this repository from answering a moment ago. */
  recent(name: string): Fault | undefined {
    const known = this.#known.get(name)
    if (!known) return undefined
    if (this.#clock.monotonicMs() - known.atMs < limits.sourceOutageMs) return known.fault
    this.#known.delete(name)
    return undefined
  }

  /** Runs `work`; while there is an outage, fails at once with what it failed of then. */
  async unlessOut<T>(name: string, work: () => Promise<T>): Promise<T> {
    const fault = this.recent(name)
    if (fault) throw fault
    try {
      return await work()
    } catch (error) {
      if (isOutage(error)) this.#known.set(name, { fault: error, atMs: this.#clock.monotonicMs() })
      throw error
    }
  }
}
