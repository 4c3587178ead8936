/**
 * How fast this process may read, and how fast it may send and fetch: one measure for all its threads, in shared memory,
 * which may be changed at any moment.
 *
 * Each kind has the moment from which the next bytes may go. Who wants to move some takes that moment, puts it off by as
 * long as they last at this rate, and sleeps until it has come: everybody gets a turn in the order of asking, and nobody
 * looks around while waiting. Those who wait when the rate is changed ask anew.
 */
import { limits } from './limits.ts'
import { second } from './units.ts'
import type { Clock } from './world.ts'

export const rateKinds = ['read', 'network'] as const
export type RateKind = (typeof rateKinds)[number]

/** Bytes a second; undefined: as fast as it goes. */
export type RateLimits = { readonly [Kind in RateKind]?: number | undefined }

export interface Rates {
  /** For other threads: `openRates` makes it usable there. */
  readonly memory: SharedArrayBuffer
  set(limits: RateLimits): void
  isLimited(kind: RateKind): boolean
  /** So many bytes of this kind were let go so far, by all threads. */
  moved(kind: RateKind): number
  /** Resolves when so many bytes of this kind may go. */
  take(kind: RateKind, bytes: number, signal: AbortSignal): Promise<void>
}

/** Of each kind: bytes a second (0: no limit), the moment in nanoseconds, how often the rate was changed, bytes that went. */
const cellsOfKind = 4
const nanosecondsOfMs = 1e6

export function openRates(clock: Pick<Clock, 'monotonicMs' | 'sleep'>, memory = newMemory()): Rates {
  const cells = new BigInt64Array(memory)
  const turns = new Map(rateKinds.map((kind, i) => [kind, new Turns(clock, cells, i * cellsOfKind)]))
  return {
    memory,
    set(given) {
      for (const [kind, turn] of turns) turn.setRate(given[kind] ?? 0)
    },
    isLimited: kind => turns.get(kind)?.isLimited() ?? false,
    moved: kind => turns.get(kind)?.moved() ?? 0,
    take: async (kind, bytes, signal) => turns.get(kind)?.take(bytes, signal),
  }
}

const newMemory = (): SharedArrayBuffer =>
  new SharedArrayBuffer(rateKinds.length * cellsOfKind * BigInt64Array.BYTES_PER_ELEMENT)

class Turns {
  readonly #clock: Pick<Clock, 'monotonicMs' | 'sleep'>
  readonly #cells: BigInt64Array
  readonly #rate: number
  readonly #next: number
  readonly #changes: number
  readonly #moved: number

  constructor(clock: Pick<Clock, 'monotonicMs' | 'sleep'>, cells: BigInt64Array, at: number) {
    this.#clock = clock
    this.#cells = cells
    this.#rate = at
    this.#next = at + 1
    this.#changes = at + 2
    this.#moved = at + 3
  }

  isLimited(): boolean {
    return Atomics.load(this.#cells, this.#rate) !== 0n
  }

  moved(): number {
    return Number(Atomics.load(this.#cells, this.#moved))
  }

  setRate(bytesPerSecond: number): void {
    const rate = BigInt(Math.round(bytesPerSecond))
    if (Atomics.load(this.#cells, this.#rate) === rate) return
    Atomics.store(this.#cells, this.#rate, rate)
    Atomics.store(this.#cells, this.#next, this.#now())
    Atomics.add(this.#cells, this.#changes, 1n)
  }

  async take(bytes: number, signal: AbortSignal): Promise<void> {
    for (let left = bytes; left > 0;) {
      const piece = this.isLimited() ? Math.min(left, limits.ratePieceSizeBytes) : left
      await this.#turn(piece, signal)
      Atomics.add(this.#cells, this.#moved, BigInt(piece))
      left -= piece
    }
  }

  async #turn(bytes: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      const changes = Atomics.load(this.#cells, this.#changes)
      const rate = Atomics.load(this.#cells, this.#rate)
      if (rate === 0n) return
      if (await this.#waitUntil(this.#reserve(bytes, rate), changes, signal)) return
    }
  }

  /** Moments that nobody took are lost, but for the last few: timers are late, and what they lose is made up for. */
  #reserve(bytes: number, rate: bigint): bigint {
    const lasts = (BigInt(bytes) * BigInt(second * nanosecondsOfMs)) / rate
    for (;;) {
      const next = Atomics.load(this.#cells, this.#next)
      const earliest = this.#now() - BigInt(limits.rateMadeUpMs * nanosecondsOfMs)
      const start = next > earliest ? next : earliest
      if (Atomics.compareExchange(this.#cells, this.#next, next, start + lasts) === next) return start
    }
  }

  /** False when the rate was changed meanwhile. */
  async #waitUntil(start: bigint, changes: bigint, signal: AbortSignal): Promise<boolean> {
    for (;;) {
      const leftMs = Number(start - this.#now()) / nanosecondsOfMs
      if (leftMs <= 0) return true
      await this.#clock.sleep(Math.min(Math.ceil(leftMs), limits.rateLookMs), signal)
      if (Atomics.load(this.#cells, this.#changes) !== changes) return false
    }
  }

  #now(): bigint {
    return BigInt(Math.round(this.#clock.monotonicMs() * nanosecondsOfMs))
  }
}
