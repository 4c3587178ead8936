/**
 * Limits of time for one request that moves bytes. Silence is short: it starts anew whenever something moves. The whole
 * may take longer the more bytes there are, as if they moved at the slowest speed that still makes sense.
 */
import { Fault } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { formatDuration, second } from '../base/units.ts'
import type { Clock } from '../base/world.ts'
import type { UnavailableCode } from './network.ts'

export interface Watch {
  /** Aborts when the caller's does, and when it took too long (with the fault as its reason). */
  readonly signal: AbortSignal
  /** Something moved: the silence starts anew. */
  alive(): void
  end(): void
  /** Also for work that does not look at signals: gives up waiting for it. */
  over<T>(work: Promise<T>): Promise<T>
}

export interface Watched {
  readonly location: string
  /** For messages: `writing KEY`. */
  readonly what: string
  /** Of the body that is sent or received. */
  readonly sizeBytes: number
  /** Shorter ones are for tests. */
  readonly silenceMsMax?: number | undefined
  /** A storage unless said. */
  readonly unavailable?: UnavailableCode | undefined
}

export function watch(clock: Pick<Clock, 'sleep'>, watched: Watched, signal: AbortSignal): Watch {
  const { silenceMsMax = limits.objectSilenceMsMax, sizeBytes } = watched
  const stop = new AbortController()
  const totalMsMax = limits.storageRequestMsMax + (sizeBytes / limits.objectSpeedBytesPerSecondMin) * second
  const alarm = (ms: number, how: string): AbortController => {
    const off = new AbortController()
    clock.sleep(ms, off.signal).then(
      () => stop.abort(late(watched, how)),
      () => undefined,
    )
    return off
  }
  const silence = (): AbortController => alarm(silenceMsMax, `was silent for ${formatDuration(silenceMsMax)}`)
  const total = alarm(totalMsMax, `was not done after ${formatDuration(totalMsMax)}`)
  let quiet = silence()
  const both = AbortSignal.any([signal, stop.signal])
  return {
    signal: both,
    alive() {
      quiet.abort()
      quiet = silence()
    },
    end() {
      quiet.abort()
      total.abort()
    },
    over: work => unlessAborted(work, both),
  }
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  work.catch(() => undefined)
  signal.throwIfAborted()
  const aborted = Promise.withResolvers<never>()
  aborted.promise.catch(() => undefined)
  const abort = (): void => aborted.reject(signal.reason as Error)
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

function late({ location, what, unavailable = 'STORAGE_UNAVAILABLE' }: Watched, how: string): Fault {
  return new Fault(unavailable, `${location} ${how} while ${what}`, {
    hint: 'Check the network between this host and that service: a firewall that drops packets looks like this, and so does a line that is far too slow.',
  })
}
