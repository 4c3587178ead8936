/** Measures the phases of a drill, one after the other: what the way back costs, and where the time goes. */
import type { Clock } from '../../base/world.ts'
import type { DrillPhase, DrillPhaseName } from '../../repository/format/drill-record.ts'

interface Running {
  readonly name: DrillPhaseName
  readonly startedAt: string
  readonly startedMs: number
  readonly cpuMs: number
  bytes: number | null
}

export class PhaseMeter {
  readonly #clock: Clock
  readonly #cpuMs: () => number
  readonly #ended: DrillPhase[] = []
  #running: Running | undefined

  /** `cpuMs`: the processor time of this process, over all of its threads. */
  constructor(clock: Clock, cpuMs: () => number) {
    this.#clock = clock
    this.#cpuMs = cpuMs
  }

  /** The one before ends. */
  begin(name: DrillPhaseName): void {
    this.#end()
    const startedAt = new Date(this.#clock.now()).toISOString()
    this.#running = {
      name,
      startedAt,
      startedMs: this.#clock.monotonicMs(),
      cpuMs: this.#cpuMs(),
      bytes: null,
    }
  }

  /** What the running phase went through. */
  count(bytes: number): void {
    if (this.#running) this.#running.bytes = (this.#running.bytes ?? 0) + bytes
  }

  end(): readonly DrillPhase[] {
    this.#end()
    return this.#ended
  }

  #end(): void {
    if (!this.#running) return
    const { name, startedAt, startedMs, cpuMs, bytes } = this.#running
    this.#running = undefined
    this.#ended.push({
      name,
      startedAt,
      durationMs: Math.round(this.#clock.monotonicMs() - startedMs),
      bytes,
      // What replays, asks and answers is the server, another process.
      cpuMs: name === 'restore' ? Math.round(this.#cpuMs() - cpuMs) : null,
    })
  }
}

/** The time until a restored server can be given back: everything but tidying up. */
export function wayBackMs(phases: readonly DrillPhase[]): number {
  return phases.filter(({ name }) => name !== 'removal').reduce((sum, { durationMs }) => sum + durationMs, 0)
}
