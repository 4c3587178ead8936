/** Copies of snapshots in other regions, and locks against deletion. */
import {
  CopySnapshotCommand,
  DescribeLockedSnapshotsCommand,
  LockSnapshotCommand,
  type LockedSnapshotsInfo,
  type Snapshot,
} from '@aws-sdk/client-ec2'
import { Fault, isFault } from '../../../base/fault.ts'
import { day } from '../../../base/units.ts'
import type { World } from '../../../base/world.ts'
import type { KnownSnapshot, SnapshotOwner } from '../../provider.ts'
import { findSnapshot, findSnapshots, isGone, placeOf, referenceOf, type Ec2 } from './ec2.ts'
import { ownerTags, runFilter, tagged, volumeNameOf, volumeTags, type Tags } from './tags.ts'

export interface CopyRequest {
  readonly snapshot: KnownSnapshot
  readonly owner: SnapshotOwner
  readonly id: string
  readonly tags: Tags
  /** Of the region that is copied to; needed for snapshots that are encrypted with a key of one's own. */
  readonly kmsKey: string | undefined
}

/** EC2 copies only what is complete. A copy that is there, by its tags, is taken for this one: so it can be asked for again. */
export async function copySnapshot(
  from: Ec2,
  to: Ec2,
  request: CopyRequest,
  signal: AbortSignal,
): Promise<KnownSnapshot> {
  const { snapshot, owner, id, tags, kmsKey } = request
  const there = await findCopy(to, request, signal)
  if (there) return knownCopy(to, snapshot, there.SnapshotId ?? '')
  await assertComplete(from, snapshot, signal)
  const make = (): Promise<{ readonly SnapshotId?: string | undefined }> =>
    to.call(
      { what: `copying ${snapshot.reference}`, repeat: 'refused' },
      (client, options) =>
        client.send(
          new CopySnapshotCommand({
            SourceRegion: from.region,
            SourceSnapshotId: placeOf(snapshot.reference).id,
            Description: `Holdfast: ${owner.cluster} ${id} ${snapshot.volume}, from ${from.region}`,
            TagSpecifications: tagged('snapshot', {
              ...tags,
              ...ownerTags(owner, id),
              ...volumeTags(id, snapshot.volume, owner),
            }),
            ...(kmsKey === undefined ? {} : { Encrypted: true, KmsKeyId: kmsKey }),
          }),
          options,
        ),
      signal,
    )
  try {
    return knownCopy(to, snapshot, (await make()).SnapshotId ?? '')
  } catch (error) {
    if (!isFault(error, 'CLOUD_UNAVAILABLE')) throw error
    const made = await findCopy(to, request, signal)
    return knownCopy(to, snapshot, made?.SnapshotId ?? (await make()).SnapshotId ?? '')
  }
}

async function findCopy(to: Ec2, request: CopyRequest, signal: AbortSignal): Promise<Snapshot | undefined> {
  const { snapshot, owner, id } = request
  const found = await findSnapshots(to, runFilter(owner, id), signal)
  return found.find(one => volumeNameOf(one) === snapshot.volume && one.State !== 'error')
}

function knownCopy(to: Ec2, { volume, details }: KnownSnapshot, id: string): KnownSnapshot {
  const { zone: _zone, ...kept } = details
  return { volume, reference: referenceOf(to, id), details: { ...kept, region: to.region } }
}

async function assertComplete(from: Ec2, { reference }: KnownSnapshot, signal: AbortSignal): Promise<void> {
  const snapshot = await findSnapshot(from, placeOf(reference).id, signal)
  if (snapshot?.State === 'completed') return
  if (!snapshot)
    throw new Fault('SNAPSHOT_MISSING', `${from.location} knows no snapshot ${reference}`, {
      hint: 'It was removed outside of Holdfast; holdfast verify says what else is missing.',
    })
  throw new Fault(
    'CLOUD_UNAVAILABLE',
    `${reference} is not complete yet (${snapshot.Progress ?? snapshot.State ?? ''})`,
    {
      hint: 'EC2 copies only what is complete: raise `time_limit` under `snapshots`, so that its completion is waited for.',
    },
  )
}

/** Locks lengthen and never shorten; compliance is never turned into governance. */
export async function lockSnapshot(
  ec2: Ec2,
  id: string,
  { untilMs, mode }: { readonly untilMs: number; readonly mode: 'governance' | 'compliance' },
  world: World,
  signal: AbortSignal,
): Promise<void> {
  const { Snapshots = [] } = await ec2.call(
    { what: `looking at the lock of ${id}` },
    (client, options) => client.send(new DescribeLockedSnapshotsCommand({ SnapshotIds: [id] }), options),
    signal,
  )
  const [lock] = Snapshots.filter(({ LockState }) => LockState !== 'expired')
  const isCompliance = mode === 'compliance' || (lock?.LockState?.startsWith('compliance') ?? false)
  if (lock && isEnough(lock, untilMs, isCompliance)) return
  // EC2 takes whole days, and refuses an end that is less than a day away.
  const days = Math.max(1, Math.ceil((untilMs - world.clock.now()) / day))
  try {
    await ec2.call(
      { what: `locking ${id}` },
      (client, options) =>
        client.send(
          new LockSnapshotCommand({
            SnapshotId: id,
            LockMode: isCompliance ? 'compliance' : 'governance',
            ExpirationDate: new Date(Math.max(untilMs, world.clock.now() + days * day)),
          }),
          options,
        ),
      signal,
    )
  } catch (error) {
    // What is gone is for `verify` and `status` to tell.
    if (!isGone(error)) throw error
  }
}

function isEnough(
  { LockState, LockExpiresOn }: LockedSnapshotsInfo,
  untilMs: number,
  isCompliance: boolean,
): boolean {
  return (
    LockExpiresOn !== undefined &&
    LockExpiresOn.getTime() >= untilMs &&
    (!isCompliance || (LockState?.startsWith('compliance') ?? false))
  )
}
