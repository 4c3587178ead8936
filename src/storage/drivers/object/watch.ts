/**
 * A limit of time for one request that moves bytes: it starts anew whenever something moves, so that a large body may
 * take as long as it needs on a slow line, and a silent server is a fault all the same.
 */
import { Fault } from '../../../base/fault.ts'
import { limits } from '../../../base/limits.ts'
import { formatDuration } from '../../../base/units.ts'
import type { Clock } from '../../../base/world.ts'

export interface Watch {
  /** Aborts when the caller's does, and when nothing has moved for too long (with the fault as its reason). */
  readonly signal: AbortSignal
  /** Something moved: the time starts anew. */
  alive(): void
  /** The other side is not waited for now: the time stands still until `alive`. */
  rest(): void
  /** Also for work that does not look at signals: gives up waiting for it. */
  over<T>(work: Promise<T>): Promise<T>
}

export function watch(
  { clock, location, msMax = limits.storageRequestMsMax }: WatchOptions,
  what: string,
  signal: AbortSignal,
): Watch {
  const stop = new AbortController()
  let nap = new AbortController()
  const arm = (): void => {
    nap = new AbortController()
    clock.sleep(msMax, nap.signal).then(
      () => stop.abort(silent(location, what, msMax)),
      () => undefined,
    )
  }
  arm()
  const both = AbortSignal.any([signal, stop.signal])
  return {
    signal: both,
    alive() {
      nap.abort()
      arm()
    },
    rest() {
      nap.abort()
    },
    over: work => unlessAborted(work, both),
  }
}

export interface WatchOptions {
  readonly clock: Pick<Clock, 'sleep'>
  readonly location: string
  readonly msMax?: number | undefined
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  work.catch(() => undefined)
  signal.throwIfAborted()
  const aborted = Promise.withResolvers<never>()
  const abort = (): void => {
    aborted.reject(signal.reason as Error)
  }
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([work, aborted.promise])
  } catch (error) {
    // What a client throws for an aborted signal says less than the reason.
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

function silent(location: string, what: string, msMax: number): Fault {
  return new Fault(
    'STORAGE_UNAVAILABLE',
    `${location} was silent for ${formatDuration(msMax)} while ${what}`,
    {
      hint: 'Check the network between this host and the storage; a firewall that drops packets looks like this.',
    },
  )
}
