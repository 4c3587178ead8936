/**
 * One request by Azure's SDK: at our pace, within our limits of time, and with faults of ours. The SDK's own retries are
 * off (see credentials.ts).
 */
import { limits } from '../../../base/limits.ts'
import { second } from '../../../base/units.ts'
import type { World } from '../../../base/world.ts'
import { unreachable } from '../../../cloud/network.ts'
import { openPace } from '../../../cloud/pace.ts'
import { watch } from '../../../cloud/watch.ts'
import { faultOf } from './faults.ts'

export interface Doing {
  /** For messages: `writing KEY`. */
  readonly what: string
  /** Of the body that is sent or received. */
  readonly sizeBytes?: number
  /** Nothing moves here while the server works on it: only the whole has a limit. */
  readonly isSilent?: boolean
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
  return ({ what, sizeBytes = 0, isSilent = false }, work, signal) =>
    pace.run(async () => {
      const watched = watch(
        world.clock,
        { location, what, sizeBytes, ...(isSilent && { silenceMsMax: silentMsMax(sizeBytes) }) },
        signal,
      )
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

/** As if the bytes moved at the slowest speed that still makes sense. */
const silentMsMax = (sizeBytes: number): number =>
  limits.storageRequestMsMax + (sizeBytes / limits.objectSpeedBytesPerSecondMin) * second
