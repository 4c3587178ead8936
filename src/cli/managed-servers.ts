/** From the configuration, and from records, to managed servers. */
import { Fault } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { cloudSettingsOf } from '../operations/cloud-settings.ts'
import type { OpenManaged } from '../operations/managed/presence.ts'
import { openManagedServer } from '../snapshots/managed/open.ts'
import { isManaged } from '../snapshots/managed/server.ts'
import type { CommandContext } from './context.ts'

/** The provider that a record names, whatever the configuration says today; how it is reached is said there. */
export function managedOpener(
  context: Pick<CommandContext, 'config' | 'terminal' | 'world' | 'signal'>,
): OpenManaged {
  return async ({ provider, instance }) => {
    if (!isManaged(provider))
      throw new Fault(
        'SNAPSHOT_UNSUPPORTED',
        `this version of Holdfast knows no managed servers of ${provider}`,
        { hint: 'Use the version that made the snapshot, or a newer one.' },
      )
    const loaded = await context.config()
    const cloud = await cloudSettingsOf(loaded, context.terminal.environment, context.signal)
    const timeLimitMs = loaded.config.snapshots?.timeLimit ?? limits.snapshotMsMax
    return openManagedServer(provider, { instance, timeLimitMs }, cloud, context.world)
  }
}

/** Others than those who have a managed server are spared the request. */
export async function hasManagedServer({ config }: Pick<CommandContext, 'config'>): Promise<boolean> {
  const provider = (await config()).config.snapshots?.provider
  return provider !== undefined && isManaged(provider)
}
