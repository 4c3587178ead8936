/** Waits for what a cloud is making: a volume, a copy, an instance. */
import { Fault } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { formatDuration } from '../base/units.ts'
import type { World } from '../base/world.ts'

/** Looks ever more seldom. `look` gives undefined while it is not done. */
export async function untilDone<T>(
  look: () => Promise<T | undefined>,
  { clock }: World,
  { what, msMax }: { readonly what: string; readonly msMax: number },
  signal: AbortSignal,
): Promise<T> {
  const startMs = clock.monotonicMs()
  for (let pauseMs: number = limits.cloudPollMs; ; pauseMs = Math.min(limits.cloudPollMsMax, pauseMs * 1.5)) {
    const found = await look()
    if (found !== undefined) return found
    if (clock.monotonicMs() - startMs >= msMax) throw tooLate(what, msMax)
    await clock.sleep(pauseMs, signal)
  }
}

function tooLate(what: string, msMax: number): Fault {
  return new Fault('CLOUD_UNAVAILABLE', `${what} was not done after ${formatDuration(msMax)}`, {
    hint: "Look at it in the vendor's console; raise `time_limit` under `snapshots` when it only takes longer.",
  })
}
