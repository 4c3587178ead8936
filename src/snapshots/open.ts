/** From a provider's name to the provider. */
import { Fault } from '../base/fault.ts'
import type { World } from '../base/world.ts'
import type { CloudSettings, SnapshotSettings } from './description.ts'
import type { ProviderName, SnapshotProvider } from './provider.ts'

type Open = (settings: SnapshotSettings, world: World) => Promise<SnapshotProvider>

const providers: Readonly<Partial<Record<ProviderName, Open>>> = {
  btrfs: async settings => (await import('./providers/btrfs.ts')).openBtrfs(settings),
  reflink: async settings => (await import('./providers/reflink.ts')).openReflink(settings),
  zfs: async (settings, world) => (await import('./providers/zfs.ts')).openZfs(settings, world),
  lvm: async settings => (await import('./providers/lvm.ts')).openLvm(settings),
  'aws-ebs': async (settings, world) =>
    (await import('./providers/aws-ebs.ts')).openAwsEbs(settings, settings.cloud ?? noCloud, { world }),
  'gce-pd': async (settings, world) =>
    (await import('./providers/gce-pd.ts')).openGcePd(settings, settings.cloud ?? noCloud, { world }),
  command: async settings => (await import('./providers/command.ts')).openCommand(settings),
}

const noCloud: CloudSettings = { access: {}, tags: {} }

/** `name` may be another one than that of the settings: that of a snapshot which was made before they were changed. */
export async function openSnapshotProvider(
  name: ProviderName,
  settings: SnapshotSettings,
  world: World,
): Promise<SnapshotProvider> {
  const open = providers[name]
  if (open) return open(settings, world)
  throw new Fault('SNAPSHOT_UNSUPPORTED', `this version of Holdfast has no provider ${name}`, {
    hint: `Name one of these in snapshots.provider: ${Object.keys(providers).join(', ')}.`,
  })
}
