/** How fast something went in the last seconds, from a count that only grows. */
import { limits } from '../base/limits.ts'
import { second } from '../base/units.ts'

interface Sample {
  readonly atMs: number
  readonly bytes: number
}

export class RateMeter {
  #samples: Sample[] = []

  add(atMs: number, bytes: number): void {
    this.#samples = [
      ...this.#samples.filter(({ atMs: then }) => atMs - then <= limits.rateMeasureMs),
      { atMs, bytes },
    ]
  }

  /** Undefined until there is enough to tell. */
  get bytesPerSecond(): number | undefined {
    const [first] = this.#samples
    const last = this.#samples.at(-1)
    if (!first || !last || last.atMs - first.atMs < limits.rateMeasureMs / 2) return undefined
    return ((last.bytes - first.bytes) * second) / (last.atMs - first.atMs)
  }
}
