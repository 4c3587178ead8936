/** A repository, seen by one cluster. */
import { Fault } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import type { World } from '../base/world.ts'
import type { Storage } from '../storage/storage.ts'
import {
  encodeClusterRecord,
  encodeRepositoryRecord,
  parseClusterRecord,
  parseRepositoryRecord,
} from './format/cluster-record.ts'
import { clusterKey, repositoryKey } from './layout.ts'
import { readWhole, writeOnce } from './objects.ts'
import { otherClusterHint } from '../wal/other-cluster.ts'

/** Whose backups and WAL may enter: fixed when the cluster is first seen. */
export interface ClusterIdentity {
  readonly cluster: string
  /** Decimal. */
  readonly systemIdentifier: string
  readonly postgresMajor: number
  readonly walSegmentSizeBytes: number
}

export interface Repository {
  readonly storage: Storage
  readonly identity: ClusterIdentity
  /** Random, made with the repository: tells two repositories apart wherever they are mounted. */
  readonly id: string
}

/** Makes what is missing: running it again is harmless. CLUSTER_MISMATCH when the name belongs to another cluster. */
export async function initRepository(
  storage: Storage,
  identity: ClusterIdentity,
  { clock, randomBytes }: World,
  signal: AbortSignal,
): Promise<void> {
  const createdAt = new Date(clock.now()).toISOString()
  const id = Buffer.from(randomBytes(16)).toString('hex')
  const record = encodeRepositoryRecord({ format: 1, holdfast: 'repository', id, createdAt })
  // `other`: somebody made it before us. Opening it checks that it is one that we can use.
  await writeOnce(storage, repositoryKey, record, signal)
  const { cluster } = identity
  await writeOnce(
    storage,
    clusterKey(cluster),
    encodeClusterRecord({ format: 1, ...identity, createdAt }),
    signal,
  )
  assertSameCluster(storage, (await openRepository(storage, cluster, signal)).identity, identity)
}

/** REPOSITORY_MISSING when the place holds no repository, or not this cluster. */
export async function openRepository(
  storage: Storage,
  cluster: string,
  signal: AbortSignal,
): Promise<Repository> {
  const repositoryBytes = await readWhole(storage, repositoryKey, limits.recordSizeBytesMax, signal)
  if (!repositoryBytes)
    throw missing(storage, `${storage.location} holds no Holdfast repository: ${repositoryKey} is not there`)
  const { id } = parseRepositoryRecord(repositoryBytes, repositoryKey)
  const key = clusterKey(cluster)
  const clusterBytes = await readWhole(storage, key, limits.recordSizeBytesMax, signal)
  if (!clusterBytes)
    throw missing(
      storage,
      `the repository ${storage.location} does not know the cluster "${cluster}": ${key} is not there`,
    )
  const { systemIdentifier, postgresMajor, walSegmentSizeBytes } = parseClusterRecord(clusterBytes, key)
  return { storage, id, identity: { cluster, systemIdentifier, postgresMajor, walSegmentSizeBytes } }
}

/** CLUSTER_MISMATCH when what is `known` at this place is not what is `given`. */
export function assertSameCluster(
  { location }: Storage,
  known: ClusterIdentity,
  given: ClusterIdentity,
): void {
  const fields = ['systemIdentifier', 'postgresMajor', 'walSegmentSizeBytes'] as const
  const different = fields.find(field => known[field] !== given[field])
  if (different === undefined) return
  const values = `${String(known[different])}, and this server's is ${String(given[different])}`
  throw new Fault(
    'CLUSTER_MISMATCH',
    `in ${location}, the ${different} of cluster "${given.cluster}" is ${values}`,
    {
      hint: otherClusterHint,
    },
  )
}

function missing({ location }: Storage, message: string): Fault {
  const hint = /^(s3|gs|az):/.test(location)
    ? 'Check the URL in the configuration, or make the repository with holdfast init. If it was there and somebody deleted it, a bucket that keeps versions still has it: --as-of TIME reads it as it was then.'
    : 'Check the URL in the configuration and that its disk is mounted, or make the repository with holdfast init.'
  return new Fault('REPOSITORY_MISSING', message, { hint })
}
