/**
 * Asks one repository after another for something, until one has it. The next one is asked when the one before does not
 * have it, fails, or has said nothing for a while: a dead one then costs a moment, and not its whole limit of time.
 */
import type { Fault } from '../../base/fault.ts'
import type { Clock } from '../../base/world.ts'
import { isRepositoryTrouble } from './trouble.ts'

export interface Patience {
  readonly clock: Pick<Clock, 'sleep'>
  /** How long one is waited for before the next is asked as well. */
  readonly hedgeMs: number
}

export interface Answers<Place, T> {
  readonly found: { readonly place: Place; readonly value: T } | undefined
  /** Those that could not give it, up to when it was found. */
  readonly failures: readonly { readonly place: Place; readonly fault: Fault }[]
}

/** `ask` gives undefined when the place answers that it does not have it. All have answered when nothing is found. */
export async function askInTurn<Place, T>(
  places: readonly Place[],
  ask: (place: Place) => Promise<T | undefined>,
  { clock, hedgeMs }: Patience,
  signal: AbortSignal,
): Promise<Answers<Place, T>> {
  signal.throwIfAborted()
  const failures: { place: Place; fault: Fault }[] = []
  const result = Promise.withResolvers<Answers<Place, T>>()
  const ended = new AbortController()
  const waiting = [...places]
  let asked = 0
  const askNext = (): void => {
    if (ended.signal.aborted) return
    const place = waiting.shift()
    if (place !== undefined) void askOne(place)
    else if (asked === 0) result.resolve({ found: undefined, failures })
  }
  const askOne = async (place: Place): Promise<void> => {
    asked++
    try {
      const value = await ask(place)
      if (value !== undefined) {
        ended.abort()
        result.resolve({ found: { place, value }, failures: [...failures] })
      }
    } catch (error) {
      if (isRepositoryTrouble(error)) failures.push({ place, fault: error })
      else result.reject(error)
    }
    asked--
    askNext()
  }
  const hedge = async (): Promise<void> => {
    while (waiting.length > 0) {
      await clock.sleep(hedgeMs, ended.signal)
      askNext()
    }
  }
  askNext()
  hedge().catch(() => undefined)
  try {
    return await result.promise
  } finally {
    ended.abort()
  }
}
