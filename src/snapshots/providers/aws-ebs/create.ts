/**
 * Snapshots of several volumes in the same moment: one call for the instance that they are attached to.
 *
 * EC2 can not tell a second try of that call from a second wish. So an answer that was lost is looked for by the tags of this
 * run, and what is there more often than wanted is removed.
 */
import {
  CreateSnapshotsCommand,
  CreateTagsCommand,
  DescribeInstancesCommand,
  DescribeVolumesCommand,
  type Snapshot,
  type SnapshotInfo,
  type Volume as Ec2Volume,
} from '@aws-sdk/client-ec2'
import { Fault, isFault, messageOf } from '../../../base/fault.ts'
import { GiB } from '../../../base/units.ts'
import type { CreateRequest, TakenSnapshot, Volume } from '../../provider.ts'
import { unsupported } from '../../volumes.ts'
import { findSnapshots, isGone, referenceOf, removeSnapshot, type Ec2 } from './ec2.ts'
import { ownerTags, runFilter, tagList, tagged, volumeTags, type Tags } from './tags.ts'

export interface CreateDeps {
  readonly ec2: Ec2
  /** What each snapshot gets besides ours. */
  readonly tags: Tags
  /** For each volume's source: which part of its disk is mounted. */
  readonly partitions: ReadonlyMap<string, string>
}

export async function createSnapshots(
  deps: CreateDeps,
  request: CreateRequest,
  signal: AbortSignal,
): Promise<readonly TakenSnapshot[]> {
  const { ec2 } = deps
  const volumes = await lookAtVolumes(
    ec2,
    request.volumes.map(({ source }) => source),
    signal,
  )
  const instance = instanceOf([...volumes.values()])
  const others = await othersOf(ec2, instance, [...volumes.keys()], signal)
  try {
    const taken = await takeOnce(deps, request, instance, others, signal)
    await nameVolumes(ec2, request, taken, signal)
    return request.volumes.map(volume => {
      const { SnapshotId = '', VolumeSize } = taken.get(volume.source) ?? {}
      return {
        volume: volume.name,
        reference: referenceOf(ec2, SnapshotId),
        sizeBytes: VolumeSize === undefined ? undefined : VolumeSize * GiB,
        details: detailsOf(ec2, volumes.get(volume.source), deps.partitions.get(volume.source) ?? ''),
      }
    })
  } catch (error) {
    throw await undone(ec2, request, error)
  }
}

export async function lookAtVolumes(
  ec2: Ec2,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Ec2Volume>> {
  const { Volumes = [] } = await ec2
    .call(
      { what: `looking at ${ids.join(', ')}` },
      (client, options) => client.send(new DescribeVolumesCommand({ VolumeIds: [...ids] }), options),
      signal,
    )
    .catch((error: unknown) => {
      if (isGone(error)) throw missingVolume(ec2, ids, error)
      throw error
    })
  return new Map(Volumes.map(volume => [volume.VolumeId ?? '', volume]))
}

function instanceOf(volumes: readonly Ec2Volume[]): string {
  const instances = volumes.map(({ VolumeId = '', Attachments = [] }) => {
    const id = Attachments[0]?.InstanceId
    if (id === undefined || Attachments.length > 1)
      throw unsupported(
        `${VolumeId} is attached to ${Attachments.length > 1 ? 'several instances' : 'no instance'}`,
        'Snapshots of several volumes in one moment are made of the instance that they are attached to; check `snapshots.volumes`.',
      )
    return id
  })
  const [first, ...rest] = [...new Set(instances)]
  if (first !== undefined && rest.length === 0) return first
  throw unsupported(
    `the volumes are attached to different instances: ${[first, ...rest].join(', ')}`,
    'Check `snapshots.volumes`: all of them belong to the host of this PostgreSQL server.',
  )
}

interface Others {
  readonly boot: boolean
  readonly data: readonly string[]
}

/** What else is attached to the instance, and is none of our business. */
async function othersOf(
  ec2: Ec2,
  instance: string,
  wanted: readonly string[],
  signal: AbortSignal,
): Promise<Others> {
  const { Reservations = [] } = await ec2.call(
    { what: `looking at ${instance}` },
    (client, options) => client.send(new DescribeInstancesCommand({ InstanceIds: [instance] }), options),
    signal,
  )
  const found = Reservations[0]?.Instances?.[0]
  const attached = (found?.BlockDeviceMappings ?? []).flatMap(({ DeviceName, Ebs }) =>
    Ebs?.VolumeId === undefined ? [] : [{ id: Ebs.VolumeId, isBoot: DeviceName === found?.RootDeviceName }],
  )
  const unwanted = attached.filter(({ id }) => !wanted.includes(id))
  return {
    boot: unwanted.some(({ isBoot }) => isBoot),
    data: unwanted.filter(({ isBoot }) => !isBoot).map(({ id }) => id),
  }
}

type Taken = ReadonlyMap<string, SnapshotInfo | Snapshot>

async function takeOnce(
  deps: CreateDeps,
  request: CreateRequest,
  instance: string,
  others: Others,
  signal: AbortSignal,
): Promise<Taken> {
  try {
    return await chosen(deps.ec2, request, await take(deps, request, instance, others, signal), signal)
  } catch (error) {
    if (!isFault(error, 'CLOUD_UNAVAILABLE')) throw error
    // The answer was lost: they may have been made.
    const found = await ours(deps.ec2, request, signal)
    const made = found.length > 0 ? found : await take(deps, request, instance, others, signal)
    const taken = await chosen(deps.ec2, request, made, signal)
    await removeOthers(deps.ec2, request, taken, signal)
    return taken
  }
}

async function take(
  { ec2, tags }: CreateDeps,
  request: CreateRequest,
  instance: string,
  others: Others,
  signal: AbortSignal,
): Promise<readonly SnapshotInfo[]> {
  const { Snapshots = [] } = await ec2.call(
    { what: `making snapshots of the volumes of ${instance}`, repeat: 'refused' },
    (client, options) =>
      client.send(
        new CreateSnapshotsCommand({
          Description: `Holdfast: ${request.cluster} ${request.id}`,
          InstanceSpecification: {
            InstanceId: instance,
            ExcludeBootVolume: others.boot,
            ...(others.data.length === 0 ? {} : { ExcludeDataVolumeIds: [...others.data] }),
          },
          TagSpecifications: tagged('snapshot', { ...tags, ...ownerTags(request, request.id) }),
        }),
        options,
      ),
    signal,
  )
  return Snapshots
}

/** Exactly one for each volume. What was attached in the meantime has one, too, that nobody wanted. */
async function chosen(
  ec2: Ec2,
  { volumes }: CreateRequest,
  made: readonly (SnapshotInfo | Snapshot)[],
  signal: AbortSignal,
): Promise<Taken> {
  const taken = new Map(made.map(snapshot => [snapshot.VolumeId ?? '', snapshot]))
  const missing = volumes.filter(({ source }) => !taken.has(source))
  if (missing.length > 0) throw incomplete(ec2, missing)
  const failed = made.find(({ State }) => State === 'error')
  if (failed) throw notMade(ec2, failed)
  const surplus = made.filter(({ VolumeId }) => !volumes.some(({ source }) => source === VolumeId))
  for (const { SnapshotId } of surplus)
    if (SnapshotId !== undefined) await removeSnapshot(ec2, SnapshotId, signal)
  return taken
}

const ours = (ec2: Ec2, request: CreateRequest, signal: AbortSignal): Promise<Snapshot[]> =>
  findSnapshots(ec2, runFilter(request, request.id), signal)

async function removeOthers(
  ec2: Ec2,
  request: CreateRequest,
  taken: Taken,
  signal: AbortSignal,
): Promise<void> {
  const kept = new Set([...taken.values()].map(({ SnapshotId }) => SnapshotId))
  for (const { SnapshotId } of await ours(ec2, request, signal))
    if (SnapshotId !== undefined && !kept.has(SnapshotId)) await removeSnapshot(ec2, SnapshotId, signal)
}

async function nameVolumes(
  ec2: Ec2,
  request: CreateRequest,
  taken: Taken,
  signal: AbortSignal,
): Promise<void> {
  for (const { name, source } of request.volumes) {
    const id = taken.get(source)?.SnapshotId ?? ''
    await ec2.call(
      { what: `tagging ${id}` },
      (client, options) =>
        client.send(
          new CreateTagsCommand({
            Resources: [id],
            Tags: tagList(volumeTags(request.id, name, request)),
          }),
          options,
        ),
      signal,
    )
  }
}

function detailsOf(
  { region }: Ec2,
  volume: Ec2Volume | undefined,
  partition: string,
): Readonly<Record<string, string>> {
  const all = {
    region,
    zone: volume?.AvailabilityZone,
    volumeType: volume?.VolumeType,
    iops: volume?.Iops?.toString(),
    throughput: volume?.Throughput?.toString(),
    encrypted: volume?.Encrypted === true ? 'yes' : undefined,
    partition: partition === '' ? undefined : partition,
  }
  return Object.fromEntries(
    Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}

/** Whatever there is of this run goes, also when the caller has given up; what stays is named. */
async function undone(ec2: Ec2, request: CreateRequest, error: unknown): Promise<unknown> {
  const { signal } = new AbortController()
  const left: string[] = []
  try {
    for (const { SnapshotId = '' } of await ours(ec2, request, signal))
      await removeSnapshot(ec2, SnapshotId, signal).catch((reason: unknown) => {
        left.push(`${SnapshotId} (${messageOf(reason)})`)
      })
  } catch (reason) {
    left.push(`what has the tag holdfast:id=${request.id} (${messageOf(reason)})`)
  }
  if (left.length === 0 || !isFault(error)) return error
  return new Fault(
    error.code,
    `${error.message}; and what was made before could not be removed: ${left.join(', ')}`,
    {
      hint: `${error.hint} The next \`holdfast snapshot\` tries to remove what is left.`,
      cause: error,
    },
  )
}

function missingVolume({ location }: Ec2, ids: readonly string[], cause: unknown): Fault {
  return new Fault('SNAPSHOT_UNSUPPORTED', `${location} knows no volume ${ids.join(' or ')}`, {
    hint: 'Check `snapshots.volumes` and `snapshots.region`: a volume lies in one region.',
    cause,
  })
}

function incomplete({ location }: Ec2, missing: readonly Volume[]): Fault {
  return new Fault(
    'SNAPSHOT_FAILED',
    `${location} made no snapshot of ${missing.map(({ name, source }) => `${source} (${name})`).join(', ')}`,
    { hint: 'Check that the volume is attached to the instance of this host, and try again.' },
  )
}

function notMade({ location }: Ec2, { SnapshotId = '', VolumeId = '' }: SnapshotInfo | Snapshot): Fault {
  return new Fault(
    'SNAPSHOT_FAILED',
    `${location}: ${SnapshotId} of ${VolumeId} failed as soon as it was begun`,
    {
      hint: "Try again; look at the volume's state in the EC2 console.",
    },
  )
}
