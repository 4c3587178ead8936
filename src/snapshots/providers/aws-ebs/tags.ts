/** The tags by which snapshots of EBS volumes are known again, whoever made them and whatever became of the run. */
import type { Filter, Snapshot, Tag, TagSpecification } from '@aws-sdk/client-ec2'
import { referenceOf, type Ec2 } from './ec2.ts'
import type { FoundSnapshot, SnapshotCluster, SnapshotOwner } from '../../provider.ts'

const key = {
  cluster: 'holdfast:cluster',
  system: 'holdfast:system-identifier',
  repository: 'holdfast:repository',
  id: 'holdfast:id',
  volume: 'holdfast:volume',
  place: 'holdfast:place',
} as const

export type Tags = Readonly<Record<string, string>>

export function clusterTags({ cluster, systemIdentifier }: SnapshotCluster, id: string): Tags {
  return { [key.cluster]: cluster, [key.system]: systemIdentifier, [key.id]: id }
}

export function ownerTags(owner: SnapshotOwner, id: string): Tags {
  return { ...clusterTags(owner, id), [key.repository]: owner.repository }
}

export function volumeTags(id: string, volume: string, { cluster }: Pick<SnapshotOwner, 'cluster'>): Tags {
  return { [key.volume]: volume, Name: `${cluster} ${id} ${volume}` }
}

/** Where a restored volume is mounted; in characters that tags may have, and its end, which tells places apart. */
export const placeTags = (to: string): Tags => ({
  [key.place]: to.replaceAll(/[^A-Za-z0-9 +=._:/@-]/g, '_').slice(-256),
})

export function tagList(tags: Tags): Tag[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))
}

export function tagged(resource: 'snapshot' | 'volume', tags: Tags): TagSpecification[] {
  return [{ ResourceType: resource, Tags: tagList(tags) }]
}

export function clusterFilter({ cluster, systemIdentifier }: SnapshotCluster): Filter[] {
  return [
    { Name: `tag:${key.cluster}`, Values: [cluster] },
    { Name: `tag:${key.system}`, Values: [systemIdentifier] },
  ]
}

/** What was restored of this snapshot to this place. */
export function placeFilter(cluster: SnapshotCluster, id: string, volume: string, to: string): Filter[] {
  const tags = { [key.id]: id, [key.volume]: volume, ...placeTags(to) }
  return [
    ...clusterFilter(cluster),
    ...Object.entries(tags).map(([name, value]) => ({ Name: `tag:${name}`, Values: [value] })),
  ]
}

/** Those of one run. */
export function runFilter(owner: SnapshotOwner, id: string): Filter[] {
  return [
    ...clusterFilter(owner),
    { Name: `tag:${key.repository}`, Values: [owner.repository] },
    { Name: `tag:${key.id}`, Values: [id] },
  ]
}

/** A run that was killed before it had named the volumes leaves snapshots that are known by their volume's own name. */
export function foundOf(ec2: Pick<Ec2, 'region'>, snapshot: Snapshot): FoundSnapshot | undefined {
  const { SnapshotId, VolumeId, Tags: given = [] } = snapshot
  const of = (name: string): string | undefined => given.find(({ Key }) => Key === name)?.Value
  const id = of(key.id)
  if (SnapshotId === undefined || id === undefined) return undefined
  const volume = of(key.volume) ?? VolumeId ?? SnapshotId
  return { id, volume, reference: referenceOf(ec2, SnapshotId), repository: of(key.repository) }
}

export const volumeNameOf = ({ Tags: given = [] }: Snapshot): string | undefined =>
  given.find(({ Key }) => Key === key.volume)?.Value
