/**
 * Chance that can be had again: every test that draws prints its seed. It is the same each time, so that a change is judged
 * by itself; HOLDFAST_TEST_SEED gives another one, and `HOLDFAST_TEST_SEED=random` draws it.
 */
export interface Random {
  readonly seed: number
  /** At least 0, less than 1. */
  next(): number
  /** A whole number from `min` to `max`, both included. */
  integer(min: number, max: number): number
  bigint(min: bigint, max: bigint): bigint
  pick<T>(items: readonly T[]): T
  chance(probability: number): boolean
}

/** `what` stands beside the seed in the output of the test. */
export function seededRandom(what: string): Random {
  const given = process.env['HOLDFAST_TEST_SEED']
  const seed = given === 'random' ? Math.floor(Math.random() * 2 ** 32) : Number(given ?? 20_260_301)
  console.log(`${what}: HOLDFAST_TEST_SEED=${String(seed)}`)
  return randomFrom(seed)
}

/** Mulberry32: 32 bits of state, enough to choose moments and targets. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    seed,
    next,
    integer: (min, max) => min + Math.floor(next() * (max - min + 1)),
    bigint: (min, max) => min + BigInt(Math.floor(next() * Number(max - min + 1n))),
    pick: items => itemAt(items, Math.floor(next() * items.length)),
    chance: probability => next() < probability,
  }
}

function itemAt<T>(items: readonly T[], index: number): T {
  if (index >= items.length) throw new Error('there is nothing to pick from')
  return items[index] as T
}
