/** An instance of EC2 with volumes, and a host that sees its disks: nothing is mounted for real, there are no bytes. */
import {
  AttachVolumeCommand,
  CreateVolumeCommand,
  DescribeVolumesCommand,
  EC2Client,
  RunInstancesCommand,
} from '@aws-sdk/client-ec2'
import { mkdir, rm } from 'node:fs/promises'
import { systemWorld, type World } from '../../src/base/world.ts'
import type { CloudSettings, SnapshotSettings } from '../../src/snapshots/description.ts'
import type { DiskHost } from '../../src/snapshots/disks.ts'
import type { SnapshotProvider, Tree } from '../../src/snapshots/provider.ts'
import { openAwsEbs } from '../../src/snapshots/providers/aws-ebs.ts'
import type { AwsProxy } from './aws-proxy.ts'

export const region = 'eu-central-1'
const zone = `${region}a`

export interface EbsLab {
  readonly instance: string
  /** Two that belong to PostgreSQL, and one that does not. */
  readonly volumes: readonly [string, string, string]
  readonly trees: readonly Tree[]
  readonly host: DiskHost
  readonly client: EC2Client
  open(cloud?: Partial<CloudSettings>, accessKeyId?: string, world?: World): SnapshotProvider
}

export async function openEbsLab({ endpoint }: Pick<AwsProxy, 'endpoint'>): Promise<EbsLab> {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  const client = new EC2Client({ endpoint, region, credentials })
  const { Instances = [] } = await client.send(
    new RunInstancesCommand({
      ImageId: 'ami-12c6146b',
      MinCount: 1,
      MaxCount: 1,
      Placement: { AvailabilityZone: zone },
    }),
  )
  const instance = Instances[0]?.InstanceId ?? ''
  const attach = async (device: string): Promise<string> => {
    const { VolumeId = '' } = await client.send(
      new CreateVolumeCommand({
        AvailabilityZone: zone,
        Size: 8,
        VolumeType: 'gp3',
        Iops: 4000,
        Throughput: 250,
      }),
    )
    await client.send(new AttachVolumeCommand({ VolumeId, InstanceId: instance, Device: device }))
    return VolumeId
  }
  const volumes = [await attach('/dev/sdf'), await attach('/dev/sdg'), await attach('/dev/sdh')] as const
  const host = hostWith(client, instance)
  return {
    instance,
    volumes,
    trees: [
      { holds: 'data', path: '/srv/one/data' },
      { holds: '16501', path: '/srv/one/ts' },
      { holds: '16500', path: '/srv/two' },
    ],
    host,
    client,
    open: (cloud = {}, accessKeyId = 'test', world = quickly(systemWorld())) =>
      openAwsEbs(
        settings,
        {
          tags: { team: 'data' },
          ...cloud,
          access: {
            endpoint,
            region,
            credentials: { kind: 'access-key', id: accessKeyId, secret: 'test' },
            ...cloud.access,
          },
        },
        { world, host, instance: () => Promise.resolve({ id: instance, region, zone }) },
      ),
  }
}

export const settings: SnapshotSettings = {
  provider: 'aws-ebs',
  volumes: [],
  prefix: [],
  timeLimitMs: 10_000,
  directories: [],
  command: undefined,
}

/** Pauses between looks are short; what limits the time of a request stays. */
export function quickly({ clock, randomBytes }: World): World {
  return {
    randomBytes,
    clock: { ...clock, sleep: (ms, signal) => clock.sleep(ms >= 20_000 ? ms : ms / 100, signal) },
  }
}

/** Disks appear when EC2 says that they are attached: the first is nvme1n1. */
function hostWith(client: EC2Client, instance: string): DiskHost {
  const attached = async (): Promise<readonly { name: string; serial: string; partition: string }[]> => {
    const { Volumes = [] } = await client.send(new DescribeVolumesCommand({}))
    return Volumes.filter(
      ({ Attachments = [] }) =>
        Attachments[0]?.InstanceId === instance && Attachments[0].Device !== '/dev/sda1',
    ).map(({ VolumeId = '' }, i) => ({
      name: `nvme${String(i + 1)}n1`,
      serial: VolumeId.replace('-', ''),
      partition: '',
    }))
  }
  const mounted = (path: string, source: string) => ({ path, root: '/', fileSystem: 'xfs', source })
  return {
    mounts: () =>
      Promise.resolve([
        mounted('/', '/dev/nvme0n1p1'),
        mounted('/srv/one', '/dev/nvme1n1p1'),
        mounted('/srv/two', '/dev/nvme2n1'),
      ]),
    async diskOf(source) {
      const [, name = '', partition = ''] = /^\/dev\/(nvme\d+n1)(?:p(\d+))?$/.exec(source) ?? []
      const disk = (await attached()).find(one => one.name === name)
      return disk && { ...disk, partition }
    },
    disks: attached,
    names: () => Promise.resolve(new Map()),
    async mount(_device, _fileSystem, to) {
      await mkdir(to)
    },
    unmount: to => rm(to, { recursive: true, force: true }),
  }
}
