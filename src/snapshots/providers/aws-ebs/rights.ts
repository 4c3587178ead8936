/** Whether the credentials may do what snapshots need: EC2 is asked with DryRun, which does nothing and says whether it would. */
import {
  CopySnapshotCommand,
  CreateSnapshotsCommand,
  LockSnapshotCommand,
  type EC2Client,
} from '@aws-sdk/client-ec2'
import { isFault } from '../../../base/fault.ts'
import { awsCodeOf } from '../../../cloud/aws/faults.ts'
import type { RightCheck, SnapshotCluster } from '../../provider.ts'
import { lookAtVolumes } from './create.ts'
import { findSnapshots, type Ec2 } from './ec2.ts'
import { clusterFilter, clusterTags, tagged, type Tags } from './tags.ts'

export interface RightsDeps {
  readonly ec2: Ec2
  /** The region that is copied to. */
  readonly other: Ec2 | undefined
  readonly tags: Tags
}

type Send = (client: EC2Client, options: { readonly abortSignal: AbortSignal }) => Promise<unknown>

/** Copying and locking are asked of a snapshot that is there: before the first one nobody can tell. */
export async function checkRights(
  { ec2, other, tags }: RightsDeps,
  owner: SnapshotCluster,
  sources: readonly string[],
  signal: AbortSignal,
): Promise<readonly RightCheck[]> {
  const marked = { ...tags, ...clusterTags(owner, 'dry-run') }
  const volumes = await lookAtVolumes(ec2, sources, signal)
  const instance = [...volumes.values()][0]?.Attachments?.[0]?.InstanceId ?? ''
  const create = new CreateSnapshotsCommand({
    DryRun: true,
    InstanceSpecification: { InstanceId: instance },
    TagSpecifications: tagged('snapshot', marked),
  })
  const checks = [
    await dryRun(ec2, 'ec2:CreateSnapshots', (client, options) => client.send(create, options), signal),
  ]
  const snapshots = await findSnapshots(ec2, clusterFilter(owner), signal)
  const SnapshotId = snapshots.find(({ State }) => State === 'completed')?.SnapshotId
  if (SnapshotId === undefined) return checks
  const lock = new LockSnapshotCommand({ DryRun: true, SnapshotId, LockMode: 'governance', LockDuration: 1 })
  checks.push(await dryRun(ec2, 'ec2:LockSnapshot', (client, options) => client.send(lock, options), signal))
  if (!other) return checks
  const copy = new CopySnapshotCommand({
    DryRun: true,
    SourceRegion: ec2.region,
    SourceSnapshotId: SnapshotId,
    TagSpecifications: tagged('snapshot', marked),
  })
  checks.push(
    await dryRun(other, 'ec2:CopySnapshot', (client, options) => client.send(copy, options), signal),
  )
  return checks
}

async function dryRun(ec2: Ec2, action: string, send: Send, signal: AbortSignal): Promise<RightCheck> {
  const right = `${action} in ${ec2.region}`
  try {
    await ec2.call({ what: `asking for ${action}`, repeat: 'refused' }, send, signal)
  } catch (error) {
    if (!isFault(error)) throw error
    if (awsCodeOf(error) === 'DryRunOperation') return { right, verdict: 'given' }
    if (error.code === 'CLOUD_DENIED') return { right, verdict: 'missing' }
    return { right, verdict: 'unknown', message: error.message }
  }
  return { right, verdict: 'unknown', message: 'the service took a trial for the real thing' }
}
