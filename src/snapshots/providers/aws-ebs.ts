/**
 * Amazon EBS: snapshots of the volumes that are attached to this instance of EC2, all of them in the same moment.
 *
 * A snapshot is known again by its tags. Its bytes are on their way for a while after it was made; it can be restored from
 * that moment on, and copied to another region when it is complete.
 */
import type { Snapshot } from '@aws-sdk/client-ec2'
import { GiB } from '../../base/units.ts'
import type { World } from '../../base/world.ts'
import { metadataEndpoint, thisInstance, type Ec2Instance } from '../../cloud/aws/instance.ts'
import type { CloudSettings, SnapshotSettings } from '../description.ts'
import { diskHost, type DiskHost } from '../disks.ts'
import { mountOf, type Mount } from '../mounts.ts'
import type { RestoreRequest, SnapshotProvider, SnapshotState, Tree, Volume } from '../provider.ts'
import { assertNothingMounted, gatherVolumes, unsupported, type VolumeRoot } from '../volumes.ts'
import { copySnapshot, lockSnapshot } from './aws-ebs/copies.ts'
import { createSnapshots } from './aws-ebs/create.ts'
import { findSnapshot, findSnapshots, openRegions, placeOf, removeSnapshot } from './aws-ebs/ec2.ts'
import { discardRestored, elsewhere, notHere, restoreSnapshot, type RestoreDeps } from './aws-ebs/restore.ts'
import { checkRights } from './aws-ebs/rights.ts'
import { clusterFilter, foundOf } from './aws-ebs/tags.ts'

export interface EbsSurroundings {
  readonly world: World
  readonly host?: DiskHost
  /** Which instance this is; another one is for tests. */
  readonly instance?: (signal: AbortSignal) => Promise<Ec2Instance | undefined>
}

export function openAwsEbs(
  settings: SnapshotSettings,
  cloud: CloudSettings,
  { world, host = diskHost(settings), instance }: EbsSurroundings,
): SnapshotProvider {
  const regions = openRegions(cloud.access, world)
  const { tags, copyTo } = cloud
  const here =
    instance ?? ((signal: AbortSignal) => thisInstance(cloud.metadataEndpoint ?? metadataEndpoint, signal))
  const restoringOf = async (request: RestoreRequest, signal: AbortSignal): Promise<RestoreDeps> => {
    const machine = await here(signal)
    if (!machine) throw notHere(request)
    if (machine.region !== placeOf(request.snapshot.reference).region) throw elsewhere(request, machine)
    const { timeLimitMs } = settings
    return { ec2: await regions.in(machine.region), instance: machine, host, world, tags, timeLimitMs }
  }
  return {
    name: 'aws-ebs',
    restores: 'volumes',
    volumesOf: async trees => {
      const mounts = await host.mounts()
      return gatherVolumes(trees, tree => {
        assertNothingMounted(mounts, tree, trees)
        return rootOf(tree, mounts, settings, host)
      })
    },
    async create(request, signal) {
      signal.throwIfAborted()
      const partitions = await partitionsOf(request.volumes, host)
      return createSnapshots({ ec2: await regions.in(), tags, partitions }, request, signal)
    },
    async list(owner, _mountPaths, signal) {
      const places = [await regions.in(), ...(copyTo ? [await regions.in(copyTo.region)] : [])]
      const found = places.map(async ec2 => {
        const snapshots = await findSnapshots(ec2, clusterFilter(owner), signal)
        return snapshots.flatMap(snapshot => foundOf(ec2, snapshot) ?? [])
      })
      return (await Promise.all(found)).flat()
    },
    async describe({ reference }, signal) {
      const { region, id } = placeOf(reference)
      const snapshot = await findSnapshot(await regions.in(region), id, signal)
      return snapshot && stateOf(snapshot)
    },
    restore: async (request, signal) => restoreSnapshot(await restoringOf(request, signal), request, signal),
    discard: async (request, signal) => discardRestored(await restoringOf(request, signal), request, signal),
    async remove({ reference }, signal) {
      const { region, id } = placeOf(reference)
      await removeSnapshot(await regions.in(region), id, signal)
    },
    async rights(owner, volumes, signal) {
      const other = copyTo && (await regions.in(copyTo.region))
      const sources = volumes.map(({ source }) => source)
      return checkRights({ ec2: await regions.in(), other, tags }, owner, sources, signal)
    },
    regions: {
      targets: copyTo ? [copyTo.region] : [],
      here: async signal => (await here(signal))?.region,
      async copy(snapshot, owner, id, region, signal) {
        const [from, to] = [await regions.in(placeOf(snapshot.reference).region), await regions.in(region)]
        return copySnapshot(from, to, { snapshot, owner, id, tags, kmsKey: copyTo?.kmsKey }, signal)
      },
    },
    locks: {
      async lock({ reference }, untilMs, mode, signal) {
        const { region, id } = placeOf(reference)
        await lockSnapshot(await regions.in(region), id, { untilMs, mode }, world, signal)
      },
    },
    close: () => regions.close(),
  }
}

async function rootOf(
  tree: Tree,
  mounts: readonly Mount[],
  { volumes }: SnapshotSettings,
  host: DiskHost,
): Promise<VolumeRoot> {
  const mount = mountOf(mounts, tree.path)
  const disk = mount && (await host.diskOf(mount.source))
  const named = volumes.find(volume => volume.mount === mount?.path)
  const source = named?.id ?? (disk?.serial === undefined ? undefined : volumeIdOf(disk.serial))
  if (mount && source !== undefined) return { source, mountPath: mount.path, fileSystem: mount.fileSystem }
  throw unsupported(
    `${tree.path} lies on ${mount?.source ?? 'an unknown device'}, of which this host does not tell the EBS volume`,
    `Name it in snapshots.volumes: {mount: ${mount?.path ?? tree.path}, id: vol-…}. Several volumes joined by LVM or RAID can not be snapshotted by this provider.`,
  )
}

/** Which part of each volume's disk is mounted: the same one has to be mounted again. */
async function partitionsOf(
  volumes: readonly Volume[],
  host: DiskHost,
): Promise<ReadonlyMap<string, string>> {
  const mounts = await host.mounts()
  const found = await Promise.all(
    volumes.map(async ({ source, mountPath }) => {
      const mount = mountOf(mounts, mountPath)
      const disk = mount && (await host.diskOf(mount.source))
      return [source, disk?.partition ?? ''] as const
    }),
  )
  return new Map(found)
}

/** NVMe disks of EBS have their volume's id as serial number, without the dash. */
function volumeIdOf(serial: string): string | undefined {
  const found = /^vol-?([0-9a-f]{8,17})$/.exec(serial)
  return found ? `vol-${found[1] ?? ''}` : undefined
}

function stateOf({ State, Progress, VolumeSize, FullSnapshotSizeInBytes }: Snapshot): SnapshotState {
  const percent = Number.parseInt(Progress ?? '', 10)
  const sizeBytes = FullSnapshotSizeInBytes ?? (VolumeSize === undefined ? undefined : VolumeSize * GiB)
  return {
    state: State === 'completed' ? 'ready' : State === 'error' ? 'failed' : 'pending',
    ...(Number.isNaN(percent) ? {} : { percent }),
    sizeBytes,
  }
}
