/** The calls of EC2 that several parts of the provider make. */
import {
  DeleteSnapshotCommand,
  DescribeSnapshotsCommand,
  EC2Client,
  type Filter,
  type Snapshot,
} from '@aws-sdk/client-ec2'
import { Fault } from '../../../base/fault.ts'
import { limits } from '../../../base/limits.ts'
import type { World } from '../../../base/world.ts'
import type { CloudAccess } from '../../../cloud/access.ts'
import { openAwsApi, type AwsApi } from '../../../cloud/aws/api.ts'
import { awsCodeOf } from '../../../cloud/aws/faults.ts'

export type Ec2 = AwsApi<EC2Client>

export interface Ec2Regions {
  /** Undefined: the region of this host, or of the configuration. Opened once for each region. */
  in(region?: string): Promise<Ec2>
  close(): Promise<void>
}

export function openRegions(access: CloudAccess, world: World): Ec2Regions {
  const opened = new Map<string, Promise<Ec2>>()
  const open = (region: string | undefined): Promise<Ec2> => {
    const service = { name: 'EC2', make: (settings: object) => new EC2Client(settings) }
    return openAwsApi(service, region === undefined ? access : { ...access, region }, world)
  }
  return {
    in(region = access.region) {
      const known = opened.get(region ?? '') ?? open(region)
      opened.set(region ?? '', known)
      return known
    },
    async close() {
      const apis = await Promise.allSettled(opened.values())
      for (const api of apis) if (api.status === 'fulfilled') api.value.close()
    },
  }
}

/** All that is needed to find a snapshot again, whatever is configured then: `eu-central-1/snap-0123456789abcdef0`. */
export function referenceOf({ region }: Pick<Ec2, 'region'>, id: string): string {
  return `${region}/${id}`
}

export function placeOf(reference: string): { readonly region: string | undefined; readonly id: string } {
  const at = reference.indexOf('/')
  return at < 0
    ? { region: undefined, id: reference }
    : { region: reference.slice(0, at), id: reference.slice(at + 1) }
}

/** Undefined: EC2 knows no such snapshot. */
export async function findSnapshot(ec2: Ec2, id: string, signal: AbortSignal): Promise<Snapshot | undefined> {
  try {
    const { Snapshots = [] } = await ec2.call(
      { what: `looking at ${id}` },
      (client, options) => client.send(new DescribeSnapshotsCommand({ SnapshotIds: [id] }), options),
      signal,
    )
    return Snapshots[0]
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

export async function findSnapshots(ec2: Ec2, filters: Filter[], signal: AbortSignal): Promise<Snapshot[]> {
  const found: Snapshot[] = []
  let NextToken: string | undefined
  do {
    const page = await ec2.call(
      { what: 'listing snapshots' },
      (client, options) =>
        client.send(
          new DescribeSnapshotsCommand({
            OwnerIds: ['self'],
            Filters: filters,
            MaxResults: 1000,
            ...(NextToken === undefined ? {} : { NextToken }),
          }),
          options,
        ),
      signal,
    )
    found.push(...(page.Snapshots ?? []))
    NextToken = page.NextToken === '' ? undefined : page.NextToken
    if (found.length > limits.cloudListMax) throw tooMany(ec2)
  } while (NextToken !== undefined)
  return found
}

/** Of one that is gone already, too. */
export async function removeSnapshot(ec2: Ec2, id: string, signal: AbortSignal): Promise<void> {
  try {
    await ec2.call(
      { what: `removing ${id}` },
      (client, options) => client.send(new DeleteSnapshotCommand({ SnapshotId: id }), options),
      signal,
    )
  } catch (error) {
    if (!isGone(error)) throw error
  }
}

export const isGone = (error: unknown): boolean =>
  /^Invalid(Snapshot|Volume)\.NotFound$/.test(awsCodeOf(error) ?? '')

function tooMany({ location }: Ec2): Fault {
  return new Fault(
    'CLOUD_REFUSED',
    `${location} lists more than ${String(limits.cloudListMax)} snapshots of this cluster`,
    {
      hint: 'Look at them with `aws ec2 describe-snapshots --filters Name=tag-key,Values=holdfast:cluster`.',
    },
  )
}
