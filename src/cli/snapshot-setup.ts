/** From the configuration to a provider of snapshots, and to the repositories that may know of snapshots. */
import { Fault } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { cloudSettingsOf } from '../operations/cloud-settings.ts'
import type { Witness } from '../operations/snapshot/orphans.ts'
import type { SnapshotSettings } from '../snapshots/description.ts'
import { isManaged } from '../snapshots/managed/server.ts'
import { openSnapshotProvider } from '../snapshots/open.ts'
import { providerNames, type ProviderName, type SnapshotProvider } from '../snapshots/provider.ts'
import type { CommandContext } from './context.ts'

/** Without a section in the configuration: what the provider of a record needs at least. */
async function snapshotSettings(
  context: Pick<CommandContext, 'config' | 'terminal' | 'signal'>,
  provider: ProviderName,
): Promise<SnapshotSettings> {
  const loaded = await context.config()
  const { snapshots } = loaded.config
  const isCloud = provider === 'aws-ebs' || provider === 'gce-pd'
  return {
    provider,
    cloud: isCloud ? await cloudSettingsOf(loaded, context.terminal.environment, context.signal) : undefined,
    volumes: snapshots?.volumes ?? [],
    prefix: snapshots?.prefix ?? [],
    timeLimitMs: snapshots?.timeLimit ?? limits.snapshotMsMax,
    directories: snapshots?.directories ?? [],
    command: snapshots?.command,
  }
}

/** CONFIG_INVALID when the configuration has no section `snapshots`. */
export async function openConfiguredProvider(context: CommandContext): Promise<SnapshotProvider> {
  const loaded = await context.config()
  const { snapshots } = loaded.config
  if (!snapshots)
    throw new Fault('CONFIG_INVALID', `${loaded.path} does not say how snapshots are made`, {
      hint: 'Add a section `snapshots:` with a provider: btrfs, reflink, zfs, lvm, command, aws-ebs, gce-pd, aws-rds or gcp-cloudsql; see docs/snapshots.md.',
    })
  const { provider } = snapshots
  if (isManaged(provider))
    throw new Fault('SNAPSHOT_UNSUPPORTED', `${provider} gives nobody the volumes of its servers`, {
      hint: 'Its snapshots are made by holdfast snapshot, and restored with --as-instance.',
    })
  return openSnapshotProvider(provider, await snapshotSettings(context, provider), context.world)
}

/** The provider that a record names, whatever the configuration says today. */
export async function openProviderOf(
  context: Pick<CommandContext, 'config' | 'terminal' | 'world' | 'signal'>,
  recorded: string,
): Promise<SnapshotProvider> {
  const name = providerNames.find(known => known === recorded)
  if (name) return openSnapshotProvider(name, await snapshotSettings(context, name), context.world)
  throw new Fault(
    'SNAPSHOT_UNSUPPORTED',
    `this version of Holdfast has no provider ${recorded} of snapshots`,
    {
      hint: 'Use the version that made the snapshot, or a newer one.',
    },
  )
}

/** All repositories of the configuration. */
export async function witnesses(context: CommandContext): Promise<readonly Witness[]> {
  const { config } = await context.config()
  return Object.keys(config.repositories).map(name => ({
    name,
    open: async () => (await context.openRepository(name)).repository,
    isOurs: false,
  }))
}
