/** Bringing a snapshot back: a new volume in the zone of this instance, attached to it and mounted. */
import {
  AttachVolumeCommand,
  CreateVolumeCommand,
  DeleteVolumeCommand,
  DescribeInstancesCommand,
  DescribeVolumesCommand,
  DetachVolumeCommand,
  type VolumeType,
} from '@aws-sdk/client-ec2'
import { Fault, messageOf } from '../../../base/fault.ts'
import type { World } from '../../../base/world.ts'
import type { Ec2Instance } from '../../../cloud/aws/instance.ts'
import { untilDone } from '../../../cloud/until-done.ts'
import { partitionName, type DiskHost } from '../../disks.ts'
import type { RestoreRequest, RestoredPlace } from '../../provider.ts'
import { isGone, placeOf, type Ec2 } from './ec2.ts'
import { clusterTags, placeFilter, placeTags, tagged, volumeTags, type Tags } from './tags.ts'

export interface RestoreDeps {
  readonly ec2: Ec2
  readonly instance: Ec2Instance
  readonly host: DiskHost
  readonly world: World
  readonly tags: Tags
  readonly timeLimitMs: number
}

export async function restoreSnapshot(
  deps: RestoreDeps,
  request: RestoreRequest,
  signal: AbortSignal,
): Promise<RestoredPlace> {
  const undo: ((stop: AbortSignal) => Promise<unknown>)[] = []
  const discard = async (stop: AbortSignal): Promise<void> => {
    while (undo.length > 0) {
      await undo.at(-1)?.(stop)
      undo.pop()
    }
  }
  try {
    const volume = await makeVolume(deps, request, signal)
    undo.push(stop => removeVolume(deps, volume, stop))
    await untilState(deps, volume, 'available', signal)
    await attach(deps, volume, signal)
    undo.push(stop => detach(deps, volume, stop))
    const disk = await appeared(deps, volume, signal)
    const device = `/dev/${partitionName(disk, request.snapshot.details['partition'] ?? '')}`
    await deps.host.mount(device, request.fileSystem, request.to, signal)
    undo.push(stop => deps.host.unmount(request.to, stop))
    return {
      what: `the new volume ${volume}, attached as ${device} and mounted at ${request.to}`,
      volume,
      discard,
    }
  } catch (error) {
    await discard(new AbortController().signal).catch((left: unknown) => {
      throw leftOver(error, left)
    })
    throw error
  }
}

/** By its tags: whoever made it may have been killed before he had heard its name. */
export async function discardRestored(
  deps: RestoreDeps,
  request: RestoreRequest,
  signal: AbortSignal,
): Promise<void> {
  const { ec2, host, instance } = deps
  const { id, snapshot, to } = request
  await host.unmount(to, signal)
  const { Volumes = [] } = await ec2.call(
    { what: `looking for volumes that were restored to ${to}` },
    (client, options) =>
      client.send(
        new DescribeVolumesCommand({ Filters: placeFilter(request, id, snapshot.volume, to) }),
        options,
      ),
    signal,
  )
  for (const { VolumeId, State, Attachments = [] } of Volumes) {
    if (VolumeId === undefined || State === 'deleting' || State === 'deleted') continue
    if (Attachments.some(({ InstanceId }) => InstanceId === instance.id)) await detach(deps, VolumeId, signal)
    else if (State === 'creating') await untilState(deps, VolumeId, 'available', signal)
    await removeVolume(deps, VolumeId, signal)
  }
}

async function makeVolume(deps: RestoreDeps, request: RestoreRequest, signal: AbortSignal): Promise<string> {
  const { ec2, instance, tags } = deps
  const { snapshot, id } = request
  const { volumeType, iops, throughput } = snapshot.details
  const mine = {
    ...tags,
    ...clusterTags(request, id),
    ...volumeTags(id, snapshot.volume, request),
    ...placeTags(request.to),
  }
  const token = Buffer.from(deps.world.randomBytes(16)).toString('hex')
  const { VolumeId = '' } = await ec2.call(
    { what: `making a volume of ${snapshot.reference}` },
    (client, options) =>
      client.send(
        new CreateVolumeCommand({
          SnapshotId: placeOf(snapshot.reference).id,
          AvailabilityZone: instance.zone,
          // The same token on a second try: one volume.
          ClientToken: token,
          TagSpecifications: tagged('volume', mine),
          ...(volumeType === undefined ? {} : { VolumeType: volumeType as VolumeType }),
          ...(iops === undefined || !takesIops(volumeType) ? {} : { Iops: Number(iops) }),
          ...(throughput === undefined || volumeType !== 'gp3' ? {} : { Throughput: Number(throughput) }),
        }),
        options,
      ),
    signal,
  )
  return VolumeId
}

const takesIops = (volumeType: string | undefined): boolean =>
  volumeType !== undefined && ['gp3', 'io1', 'io2'].includes(volumeType)

async function untilState(
  { ec2, world, timeLimitMs }: RestoreDeps,
  id: string,
  wanted: 'available' | 'in-use',
  signal: AbortSignal,
): Promise<void> {
  await untilDone(
    async () => {
      const { Volumes = [] } = await ec2.call(
        { what: `looking at ${id}` },
        (client, options) => client.send(new DescribeVolumesCommand({ VolumeIds: [id] }), options),
        signal,
      )
      const [volume] = Volumes
      if (volume?.State === 'error' || volume?.State === 'deleting') throw notMade(ec2, id, volume.State)
      return volume?.State === wanted ? true : undefined
    },
    world,
    { what: `${ec2.location}: the volume ${id}`, msMax: timeLimitMs },
    signal,
  )
}

async function attach({ ec2, instance }: RestoreDeps, volume: string, signal: AbortSignal): Promise<void> {
  const { Reservations = [] } = await ec2.call(
    { what: `looking at ${instance.id}` },
    (client, options) => client.send(new DescribeInstancesCommand({ InstanceIds: [instance.id] }), options),
    signal,
  )
  const mappings = Reservations[0]?.Instances?.[0]?.BlockDeviceMappings ?? []
  const taken = new Set(mappings.map(({ DeviceName = '' }) => DeviceName.slice(-1)))
  const letter = ['f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p'].find(one => !taken.has(one))
  if (letter === undefined) throw noDevice(instance.id)
  await ec2.call(
    { what: `attaching ${volume} to ${instance.id}` },
    (client, options) =>
      client.send(
        new AttachVolumeCommand({ VolumeId: volume, InstanceId: instance.id, Device: `/dev/sd${letter}` }),
        options,
      ),
    signal,
  )
}

/** NVMe disks say which volume they are; the older kind keeps the letter that was asked for, which is not certain enough. */
async function appeared(
  { host, world, timeLimitMs }: RestoreDeps,
  volume: string,
  signal: AbortSignal,
): Promise<string> {
  const serial = volume.replace('-', '')
  return untilDone(
    async () => (await host.disks()).find(disk => disk.serial === serial)?.name,
    world,
    { what: `the disk of ${volume} on this host`, msMax: timeLimitMs },
    signal,
  )
}

async function detach(deps: RestoreDeps, volume: string, signal: AbortSignal): Promise<void> {
  await deps.ec2
    .call(
      { what: `detaching ${volume}` },
      (client, options) =>
        client.send(new DetachVolumeCommand({ VolumeId: volume, InstanceId: deps.instance.id }), options),
      signal,
    )
    .catch((error: unknown) => {
      if (!isGone(error)) throw error
    })
  await untilState(deps, volume, 'available', signal)
}

async function removeVolume({ ec2 }: RestoreDeps, volume: string, signal: AbortSignal): Promise<void> {
  await ec2
    .call(
      { what: `removing ${volume}` },
      (client, options) => client.send(new DeleteVolumeCommand({ VolumeId: volume }), options),
      signal,
    )
    .catch((error: unknown) => {
      if (!isGone(error)) throw error
    })
}

/** What to do where the volume can not be attached by us: on a host that is none of EC2's. */
export function notHere(request: RestoreRequest): Fault {
  const { region = 'REGION', id } = placeOf(request.snapshot.reference)
  return new Fault(
    'SNAPSHOT_UNSUPPORTED',
    `a volume of ${id} can only be attached to an instance of EC2 in ${region}, and this host is none (its metadata service does not answer)`,
    {
      hint:
        `Run the restore on such an instance. By hand: aws ec2 create-volume --region ${region} --availability-zone ZONE --snapshot-id ${id}; ` +
        `aws ec2 attach-volume --region ${region} --volume-id VOLUME --instance-id INSTANCE --device /dev/sdf; mount it, and see docs/snapshots.md for the label files.`,
    },
  )
}

export function elsewhere(request: RestoreRequest, instance: Ec2Instance): Fault {
  const { region = 'another region', id } = placeOf(request.snapshot.reference)
  return new Fault(
    'SNAPSHOT_UNSUPPORTED',
    `${id} lies in ${region}, and this instance in ${instance.region}`,
    {
      hint: `Restore on an instance there, or have snapshots copied to ${instance.region} (\`snapshots.copy_to\`).`,
    },
  )
}

function notMade({ location }: Ec2, id: string, state: string): Fault {
  return new Fault('SNAPSHOT_FAILED', `${location}: the volume ${id} is in state ${state}`, {
    hint: 'Look at it in the EC2 console: the key of its encryption may not be usable by these credentials.',
  })
}

function noDevice(instance: string): Fault {
  return new Fault('CLOUD_QUOTA', `no device name from /dev/sdf to /dev/sdp is free on ${instance}`, {
    hint: 'Detach volumes that are no longer used, or restore on another instance.',
  })
}

function leftOver(error: unknown, left: unknown): unknown {
  if (!(error instanceof Fault)) return error
  return new Fault(
    error.code,
    `${error.message}; and the new volume could not be taken away: ${messageOf(left)}`,
    {
      hint: `${error.hint} Volumes that are left have the tags holdfast:cluster and holdfast:id.`,
      cause: error,
    },
  )
}
