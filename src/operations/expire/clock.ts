/** Nothing is removed by a clock that differs from the storage's: every rule that counts time would be wrong. */
import { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import { formatDuration } from '../../base/units.ts'
import type { World } from '../../base/world.ts'
import { leaseFolder, numberedKey } from '../../repository/layout.ts'
import { highestNumber } from '../../repository/numbered-objects.ts'
import type { Repository } from '../../repository/repository.ts'

/** The lease `expire` was just taken by us, so the storage has told its time a moment ago. */
export async function assertSameClock(
  { storage, identity }: Repository,
  { clock }: Pick<World, 'clock'>,
  signal: AbortSignal,
): Promise<void> {
  const folder = leaseFolder(identity.cluster, 'expire')
  const number = await highestNumber(storage, folder, signal)
  const written = await storage.stat(numberedKey(folder, number), signal)
  // A renewal may have deleted the one that was found; then it is as new as can be, and is looked at next time.
  if (!written) return
  const skewMs = written.modifiedMs - clock.now()
  if (Math.abs(skewMs) <= limits.leaseClockSkewMsMax) return
  throw clockFault(storage.location, skewMs)
}

/** For who only looks: what the storage says of its clock, where it says it. */
export async function assertSaneClock({ storage }: Repository, signal: AbortSignal): Promise<void> {
  const { clockSkewMs = 0 } = await storage.traits(signal)
  if (Math.abs(clockSkewMs) > limits.leaseClockSkewMsMax) throw clockFault(storage.location, clockSkewMs)
}

function clockFault(location: string, skewMs: number): Fault {
  const how = `${formatDuration(Math.abs(skewMs))} ${skewMs < 0 ? 'ahead of' : 'behind'}`
  return new Fault('CLOCK_WRONG', `this host's clock is ${how} that of ${location}`, {
    hint: 'Set the clock (chrony or systemd-timesyncd keeps it right), then run it again: by a wrong clock the wrong backups would be removed.',
  })
}
