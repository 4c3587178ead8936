/** A repository in object storage: how it is reached, what it keeps, what it refuses, and what our credentials can do. */
import { limits } from '../../../base/limits.ts'
import type { World } from '../../../base/world.ts'
import type { Config, RepositoryConfig } from '../../../config/config.ts'
import { backupsPrefix, walPrefix } from '../../../repository/layout.ts'
import { openBucketSettings, type BucketSettings } from '../../../storage/bucket-settings.ts'
import type { StorageDescription } from '../../../storage/open.ts'
import type { Storage } from '../../../storage/storage.ts'
import { bucketPlaceOf } from '../../rights/bucket-place.ts'
import { probeAbilities, type Samples } from '../../rights/probe-abilities.ts'
import { checkClock } from '../check-server.ts'
import { findingsOf, type Finding } from '../finding.ts'
import { judgeRights } from './judge-rights.ts'
import {
  judgeCredentials,
  judgeLifecycle,
  judgeTraits,
  judgeTransport,
  judgeUploads,
} from './judge-settings.ts'
import { checkWriteOnce } from './check-write-once.ts'

export interface BucketToCheck {
  readonly name: string
  readonly config: Config
  readonly repository: RepositoryConfig
  readonly storage: Storage
  readonly description: StorageDescription
  readonly world: World
}

export async function checkBucket(given: BucketToCheck, signal: AbortSignal): Promise<readonly Finding[]> {
  const { name, config, repository, storage, description, world } = given
  const place = bucketPlaceOf(config, name, repository)
  const settings = await openBucketSettings(description, world)
  try {
    const traits = await storage.traits(signal)
    const { findings: written, isProven } = await checkWriteOnce(given, signal)
    const around = settings ? await lookAround(given, place, settings, signal) : []
    const rights = await findingsOf('rights', async () => {
      const samples = await findSamples(storage, config.cluster, signal)
      const probes = { storage, settings, cluster: config.cluster, samples, isProven, world }
      const abilities = await probeAbilities(probes, signal)
      const { versioned } = traits
      const policy = ({ s3: 'iam', gs: 'gcs', az: 'azure' } as const)[place.kind]
      return judgeRights({ name, policy, rights: repository.rights, abilities, versioned })
    })
    return [
      ...judgeTransport(name, place),
      ...written,
      ...judgeTraits(name, place, traits),
      ...around,
      ...rights,
      ...(traits.clockSkewMs === undefined ? [] : [checkClock(`repository ${name}`, traits.clockSkewMs)]),
    ]
  } finally {
    settings?.close()
  }
}

async function lookAround(
  { name, world }: BucketToCheck,
  place: ReturnType<typeof bucketPlaceOf>,
  settings: BucketSettings,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const nowMs = world.clock.now()
  const [rules, uploads, endMs] = await Promise.all([
    settings.lifecycle(signal),
    settings.unfinishedUploads(signal),
    settings.credentialsEndMs(signal),
  ])
  return [
    ...(rules ? judgeLifecycle(name, place, rules) : []),
    ...(uploads ? judgeUploads(name, uploads, nowMs) : []),
    ...judgeCredentials(name, endMs, nowMs),
  ]
}

/** Objects of the oldest backups, and one of the first segments: enough to try rights on, without listing everything. */
async function findSamples(storage: Storage, cluster: string, signal: AbortSignal): Promise<Samples> {
  const ofBackups = (name: RegExp): Promise<string | undefined> =>
    firstKey(storage, backupsPrefix(cluster), name, signal)
  return {
    record: await ofBackups(/^[^/]+\/backup\.json$/),
    pack: await ofBackups(/^[^/]+\/data\/[^/]+$/),
    segment: await firstKey(storage, walPrefix(cluster), /^[^/]+\/[^/]+\/[^/]+$/, signal),
  }
}

async function firstKey(
  storage: Storage,
  prefix: string,
  name: RegExp,
  signal: AbortSignal,
): Promise<string | undefined> {
  let count = 0
  for await (const { key } of storage.list(prefix, signal)) {
    if (name.test(key.slice(prefix.length))) return key
    if (++count >= limits.storageListPageKeys) return undefined
  }
  return undefined
}
