/** The repositories that WAL is pushed to, each opened when it is first needed: one that is away holds up no other. */
import { hash } from 'node:crypto'
import type { World } from '../../base/world.ts'
import type { Encoding } from '../../pipeline/codec.ts'
import { openRepository, type Repository } from '../../repository/repository.ts'
import { openWalStore, type WalStore } from '../../repository/wal-store.ts'
import type { StorageDescription } from '../../storage/open.ts'
import type { Storage } from '../../storage/storage.ts'
import type { ClusterOfWal } from '../../wal/cluster.ts'

/** Plain data: it is sent to worker threads, which open their own. */
export interface PushTarget {
  /** Its name in the configuration. */
  readonly name: string
  readonly storage: StorageDescription
  readonly encoding: Encoding
}

export interface OpenTarget {
  readonly name: string
  readonly encoding: Encoding
  /** Names place and cluster, for what is kept about it on this host. */
  readonly id: string
  /** Opened once; after a failure the next call tries again. */
  open(signal: AbortSignal): Promise<TargetArchive>
}

export interface TargetArchive {
  readonly repository: Repository
  readonly identity: ClusterOfWal
  readonly store: WalStore
}

export interface TargetSurroundings {
  readonly cluster: string
  readonly world: World
  readonly openStorage: (description: StorageDescription, world: World) => Promise<Storage>
}

export interface OpenTargets extends AsyncDisposable {
  readonly all: readonly OpenTarget[]
}

export function openTargets(targets: readonly PushTarget[], surroundings: TargetSurroundings): OpenTargets {
  const { cluster, world, openStorage } = surroundings
  const resources = new AsyncDisposableStack()
  const open = async ({ storage: description, encoding }: PushTarget): Promise<TargetArchive> => {
    const storage = await openStorage(description, world)
    resources.defer(() => storage.close())
    // Shared by all who wait for it, so none of them may end it.
    const repository = await openRepository(storage, cluster, new AbortController().signal)
    const store = openWalStore(repository, { encoding, identities: [] })
    return { repository, identity: repository.identity, store }
  }
  return {
    all: targets.map(target => ({
      name: target.name,
      encoding: target.encoding,
      id: targetId(target, cluster),
      open: onceUntilItFails(() => open(target)),
    })),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

export function targetId({ storage }: Pick<PushTarget, 'storage'>, cluster: string): string {
  return hash('sha256', `${storage.url} ${storage.access?.endpoint ?? ''} ${cluster}`, 'hex').slice(0, 16)
}

function onceUntilItFails<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () =>
    (made ??= make().catch((error: unknown) => {
      made = undefined
      throw error
    }))
}
