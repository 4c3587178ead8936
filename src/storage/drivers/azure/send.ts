/**
 * One request by Azure's SDK: at our pace, within our limits of time, and with faults of ours. The SDK's own retries are
 * off (see credentials.ts).
 */
import type { World } from '../../../base/world.ts'
import { unreachable } from '../object/network.ts'
import { openPace } from '../object/pace.ts'
import { watch } from '../object/watch.ts'
import { faultOf } from './faults.ts'

export interface Doing {
  /** For messages: `writing KEY`. */
  readonly what: string
  /** Of the body that is sent or received. */
  readonly sizeBytes?: number
}

/** What every method of the SDK takes. */
export interface SendOptions {
  readonly abortSignal: AbortSignal
  /** Something moved. */
  readonly onProgress: () => void
}

export type Send = <T>(
  doing: Doing,
  work: (options: SendOptions) => Promise<T>,
  signal: AbortSignal,
) => Promise<T>

export function openSend(location: string, world: World): Send {
  const pace = openPace(world)
  return ({ what, sizeBytes = 0 }, work, signal) =>
    pace.run(async () => {
      const watched = watch(world.clock, { location, what, sizeBytes }, signal)
      try {
        return await watched.over(work({ abortSignal: watched.signal, onProgress: () => watched.alive() }))
      } catch (error) {
        if (watched.signal.aborted) throw watched.signal.reason
        throw faultOf(error, location, what) ?? unreachable(error, location, what, watched.signal)
      } finally {
        watched.end()
      }
    }, signal)
}
