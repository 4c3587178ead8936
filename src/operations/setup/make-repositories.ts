/**
 * Makes the repositories of the configuration. What everything stands on is proven before anything is written: that the
 * place refuses a second write.
 */
import { chown, mkdir, readdir, stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { errnoOf, isFault } from '../../base/fault.ts'
import type { Progress } from '../../base/progress.ts'
import type { World } from '../../base/world.ts'
import type { LoadedConfig, RepositoryConfig } from '../../config/config.ts'
import type { ServerFacts } from '../../postgres/server-facts.ts'
import { clusterKey } from '../../repository/layout.ts'
import { initRepository, type ClusterIdentity } from '../../repository/repository.ts'
import { openStorage, type StorageDescription } from '../../storage/open.ts'
import { retryTeller } from '../../storage/retry-teller.ts'
import type { Storage } from '../../storage/storage.ts'
import { bucketPlaceOf } from '../rights/bucket-place.ts'
import type { Environment } from '../cloud-access.ts'
import { describeStorage } from '../storage-description.ts'
import { missingBucket } from './missing-bucket.ts'
import type { FileOwner } from './new-file.ts'
import { assertWriteOnce, oneAfterAnother, proveWriteOnce, racersOfInit } from './prove-write-once.ts'

export interface MadeRepository {
  readonly name: string
  readonly location: string
  /** False: it was there, and knew the cluster. */
  readonly isNew: boolean
}

export interface MakeDeps {
  readonly world: World
  readonly progress: Progress
  readonly owner: FileOwner | undefined
  readonly environment: Environment
}

/** Makes the repositories of the configuration, and enters the cluster. Harmless for those that are there. */
export async function makeRepositories(
  deps: MakeDeps,
  loaded: LoadedConfig,
  facts: ServerFacts,
  signal: AbortSignal,
): Promise<readonly MadeRepository[]> {
  const identity: ClusterIdentity = {
    cluster: loaded.config.cluster,
    systemIdentifier: facts.systemIdentifier,
    postgresMajor: facts.major,
    walSegmentSizeBytes: facts.walSegmentSizeBytes,
  }
  const made: MadeRepository[] = []
  for (const name of Object.keys(loaded.config.repositories))
    made.push(await makeRepository(deps, loaded, name, identity, signal))
  return made
}

async function makeRepository(
  deps: MakeDeps,
  loaded: LoadedConfig,
  name: string,
  identity: ClusterIdentity,
  signal: AbortSignal,
): Promise<MadeRepository> {
  const { owner, environment } = deps
  const repository = loaded.config.repositories[name] as RepositoryConfig
  if (owner && repository.url.startsWith('file:')) await makeFolderFor(owner, repository.url)
  const description = await describeStorage(loaded, name, environment, signal)
  try {
    return await makeIn(deps, { description, repository, name, identity }, signal)
  } catch (error) {
    if (isFault(error, 'REPOSITORY_MISSING') && !repository.url.startsWith('file:'))
      throw missingBucket(bucketPlaceOf(loaded.config, name, repository), error)
    throw error
  }
}

interface Wanted {
  readonly description: StorageDescription
  readonly repository: RepositoryConfig
  readonly name: string
  readonly identity: ClusterIdentity
}

async function makeIn(
  deps: MakeDeps,
  { description, repository, name, identity }: Wanted,
  signal: AbortSignal,
): Promise<MadeRepository> {
  const { world, progress } = deps
  const tellRetry = retryTeller(line => {
    progress.note(line)
  }, world.clock)
  const storage = await openStorage({ ...description, name, make: true }, world, tellRetry)
  try {
    const isNew = (await storage.stat(clusterKey(identity.cluster), signal)) === undefined
    if (isNew) await prove(deps, storage, name, identity.cluster, repository, signal)
    await initRepository(storage, identity, world, signal)
    return { name, location: storage.location, isNew }
  } finally {
    await storage.close()
  }
}

async function prove(
  { world, progress }: MakeDeps,
  storage: Storage,
  name: string,
  cluster: string,
  { url, writeOnce }: RepositoryConfig,
  signal: AbortSignal,
): Promise<void> {
  progress.phase(`trying whether ${storage.location} refuses a second write`)
  const racers = writeOnce === 'check' ? oneAfterAnother : racersOfInit
  // A folder keeps both ways of writing apart by the same step.
  const wanted = url.startsWith('file:') ? { ...racers, uploads: 0 } : racers
  assertWriteOnce(await proveWriteOnce(storage, cluster, wanted, world, signal), storage, name)
}

/** What lies in a folder that belongs to the server's user is given to that user, too, when root writes it. */
async function makeFolderFor({ uid, gid }: FileOwner, url: string): Promise<void> {
  const folder = URL.parse(url)
  if (!folder || folder.host !== '') return
  const path = fileURLToPath(folder)
  if (await isMissingOrEmpty(path)) {
    await mkdir(path, { recursive: true, mode: 0o700 })
    if ((await stat(path)).uid === 0) await chown(path, uid, gid)
  }
}

async function isMissingOrEmpty(path: string): Promise<boolean> {
  try {
    return (await readdir(path)).length === 0
  } catch (error) {
    return errnoOf(error) === 'ENOENT'
  }
}
