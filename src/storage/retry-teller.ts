/**
 * Tells of requests that fail and are made again, so that nobody waits without knowing for what. A storage that is out of
 * reach fails many requests at the same time, in several threads: each further try of all of them is one line.
 */
import { limits } from '../base/limits.ts'
import type { FailedTry } from '../base/retry.ts'
import type { Clock } from '../base/world.ts'

/** Plain data: workers send it to the main thread. */
export interface Retrying extends Omit<FailedTry, 'fault'> {
  /** By the name that the configuration gives it; without one, where it is. */
  readonly repository: string
  readonly message: string
}

/** What has lasted for no more than a blink is not told. */
export function retryTeller(
  tell: (line: string) => void,
  clock: Pick<Clock, 'monotonicMs'>,
): (retrying: Retrying) => void {
  const told = new Map<string, { readonly tries: number; readonly atMs: number }>()
  return ({ repository, message, tries, triesMax, waitedMs }) => {
    if (waitedMs < limits.retryQuietMs) return
    const nowMs = clock.monotonicMs()
    const last = told.get(repository)
    if (last && tries <= last.tries && nowMs - last.atMs < limits.retryTellMs) return
    told.set(repository, { tries, atMs: nowMs })
    tell(`repository ${repository}: ${message}; trying again (${String(tries + 1)} of ${String(triesMax)})`)
  }
}
