/** Locks of snapshots, which lie with their provider: set and extended with those of the backup that they belong to. */
import type { LockVolumes } from '../operations/lock/lock-run.ts'
import { allSnapshotsOf } from '../operations/snapshot/presence.ts'
import type { CommandContext } from './context.ts'

type Locking = Pick<CommandContext, 'config' | 'terminal' | 'world' | 'signal'>

/** Where the configuration says how snapshots are made: a host that only copies has no rights to them, and needs none. */
export function volumeLocker(context: Locking): LockVolumes {
  return async ({ snapshot }, { mode, untilMs }, signal) => {
    const configured = (await context.config()).config.snapshots?.provider
    if (!snapshot || snapshot.provider !== configured) return 0
    const { openProviderOf } = await import('./snapshot-setup.ts')
    const provider = await openProviderOf(context, snapshot.provider)
    try {
      const { locks } = provider
      if (!locks) return 0
      const all = snapshot.volumes.flatMap(allSnapshotsOf)
      for (const one of all) await locks.lock(one, untilMs, mode, signal)
      return all.length
    } finally {
      await provider.close()
    }
  }
}
