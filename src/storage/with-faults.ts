/**
 * A storage that fails on purpose, for tests and simulations: at the steps that a plan names, or by a seed.
 *
 * A step is one call of `put`, `create`, `write`, `commit`, `stat`, `delete`, `copy`, or one item of `get` and `list`;
 * they are counted from 1.
 */
import { Fault } from '../base/fault.ts'
import type { Clock } from '../base/world.ts'
import { secondPorts } from './second-ports.ts'
import type { ObjectWriter, Storage } from './storage.ts'

export type FaultKind =
  /** Not done, and said so. */
  | 'fail'
  /** Done, but the answer was lost: said to have failed. */
  | 'lose-answer'
  /** A read ends early, without an error. */
  | 'cut'
  /** A read has one bit flipped. */
  | 'corrupt'
  /** Done, after a while. */
  | 'slow'

/** What goes wrong at step number `step`, if anything. */
export type FaultPlan = (step: number) => FaultKind | undefined

export function faultsAt(steps: Readonly<Record<number, FaultKind>>): FaultPlan {
  return step => steps[step]
}

/** Every step goes wrong with this chance, in one of these ways; the same seed gives the same story. */
export function seededFaults(seed: number, chance: number, kinds: readonly FaultKind[]): FaultPlan {
  return step => {
    const random = hash(seed, step)
    return random % 10_000 < chance * 10_000 ? kinds[(random >>> 16) % kinds.length] : undefined
  }
}

const slowMs = 5_000

export function withFaults(inner: Storage, plan: FaultPlan, clock: Pick<Clock, 'sleep'>): Storage {
  let count = 0
  const step = async <T>(what: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> => {
    const kind = plan(++count)
    if (kind === 'fail') throw injected(what, 'was not done')
    if (kind === 'slow') await clock.sleep(slowMs, signal)
    const result = await work()
    if (kind === 'lose-answer') throw injected(what, 'was done, but its answer was lost')
    return result
  }
  return {
    ...inner,
    put: (key, body, signal) => step(`put ${key}`, signal, () => inner.put(key, body, signal)),
    create: async (key, signal) => {
      const writer = await step(`create ${key}`, signal, () => inner.create(key, signal))
      return faultyWriter(writer, key, signal, step)
    },
    stat: (key, signal) => step(`stat ${key}`, signal, () => inner.stat(key, signal)),
    delete: (keys, signal) => step(`delete ${keys.join(' ')}`, signal, () => inner.delete(keys, signal)),
    async *get(key, range, signal) {
      for await (const piece of inner.get(key, range, signal)) {
        const kind = plan(++count)
        if (kind === 'cut') return
        if (kind === 'fail' || kind === 'lose-answer') throw injected(`get ${key}`, 'broke off')
        if (kind === 'slow') await clock.sleep(slowMs, signal)
        yield kind === 'corrupt' ? withBitFlipped(piece, count) : piece
      }
    },
    retain: (key, until, signal) => step(`retain ${key}`, signal, () => inner.retain(key, until, signal)),
    ...secondPorts(inner, (what, work, signal) => step(what, signal, work)),
    async *list(what, signal) {
      for await (const info of inner.list(what, signal)) {
        const kind = plan(++count)
        if (kind === 'fail' || kind === 'lose-answer')
          throw injected(`list ${typeof what === 'string' ? what : what.prefix}`, 'broke off')
        if (kind === 'slow') await clock.sleep(slowMs, signal)
        yield info
      }
    },
  }
}

type Step = <T>(what: string, signal: AbortSignal, work: () => Promise<T>) => Promise<T>

function faultyWriter(writer: ObjectWriter, key: string, signal: AbortSignal, step: Step): ObjectWriter {
  return {
    write: bytes => step(`write ${key}`, signal, () => writer.write(bytes)),
    commit: () => step(`commit ${key}`, signal, () => writer.commit()),
    abort: () => writer.abort(),
  }
}

function withBitFlipped(piece: Uint8Array, random: number): Uint8Array {
  const copy = new Uint8Array(piece)
  const at = hash(random, piece.length) % Math.max(1, piece.length)
  copy[at] = (copy[at] ?? 0) ^ (1 << (random % 8))
  return copy
}

function injected(what: string, how: string): Fault {
  return new Fault('STORAGE_UNAVAILABLE', `${what} ${how} (a fault made by a test)`, {
    hint: 'Look at the plan of the test for this step.',
  })
}

/** Mixes two numbers into 32 bits that look random (the finaliser of MurmurHash3). */
function hash(a: number, b: number): number {
  let h = (Math.imul(a, 0x9e37_79b1) ^ Math.imul(b, 0x85eb_ca77)) >>> 0
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35)
  return (h ^ (h >>> 16)) >>> 0
}
