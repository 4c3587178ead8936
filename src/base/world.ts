/**
 * The world: time and chance, given to everything that needs them, so that tests can hand in their own.
 * `Date.now`, `Math.random`, timers and `process.env` are lint errors outside of the few files named in
 * eslint.config.mjs; this is one of them.
 */
import { randomBytes } from 'node:crypto'
import { setImmediate as immediate } from 'node:timers/promises'

export interface Clock {
  /** Wall clock, in milliseconds since 1970 (UTC). May jump. */
  now(): number
  /** Milliseconds from an arbitrary start, the same in all threads; never goes back. For durations. */
  monotonicMs(): number
  /** Resolves after `durationMs`; rejects with the signal's reason when it aborts first. */
  sleep(durationMs: number, signal: AbortSignal): Promise<void>
}

export interface World {
  readonly clock: Clock
  readonly randomBytes: (count: number) => Uint8Array
}

export function systemWorld(): World {
  return {
    clock: {
      now: () => Date.now(),
      // Not performance.now(), which counts from the start of its thread.
      monotonicMs: () => Number(process.hrtime.bigint()) / 1e6,
      sleep,
    },
    randomBytes: count => randomBytes(count),
  }
}

/** Not that of node:timers/promises, which makes up an error with a stack whenever it is stopped: as each request does. */
function sleep(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const stop = (): void => {
      clearTimeout(timer)
      reject(signal.reason as Error)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop)
      resolve()
    }, durationMs)
    signal.addEventListener('abort', stop, { once: true })
  })
}

/** A world whose clock moves only when somebody sleeps on it, and whose random bytes come from a seed. */
export function simWorld({ startMs = 0, seed = 1 }: { startMs?: number; seed?: number } = {}): World {
  let now = startMs
  let state = seed >>> 0
  const nextByte = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 24
  }
  return {
    clock: {
      now: () => now,
      monotonicMs: () => now,
      sleep(durationMs, signal) {
        signal.throwIfAborted()
        now += durationMs
        return Promise.resolve()
      },
    },
    randomBytes: count => Uint8Array.from({ length: count }, nextByte),
  }
}

/** Lets other work of this process have its turn, in the midst of work that waits for nothing by itself. */
export async function letOthersWork(): Promise<void> {
  await immediate()
}
