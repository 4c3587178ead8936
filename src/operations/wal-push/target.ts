/** The repositories that WAL is pushed to, each opened when it is first needed: one that is away holds up no other. */
import { hash } from 'node:crypto'
import { limits } from '../../base/limits.ts'
import type { Clock, World } from '../../base/world.ts'
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
  /**
   * Opening it was begun, and got no answer for so long that it may never get one: a disk that is gone. Whoever waits for
   * it in this process goes on waiting when it is back; another process opens it anew.
   */
  isStuck(): boolean
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
      ...onceUntilItFails(() => open(target), world.clock),
    })),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

export function targetId({ storage }: Pick<PushTarget, 'storage'>, cluster: string): string {
  return hash('sha256', `${storage.url} ${storage.access?.endpoint ?? ''} ${cluster}`, 'hex').slice(0, 16)
}

function onceUntilItFails<T>(
  make: () => Promise<T>,
  clock: Pick<Clock, 'monotonicMs'>,
): { readonly open: () => Promise<T>; readonly isStuck: () => boolean } {
  let made: Promise<T> | undefined
  let begunMs: number | undefined
  const begin = async (): Promise<T> => {
    begunMs = clock.monotonicMs()
    try {
      return await make()
    } catch (error) {
      made = undefined
      throw error
    } finally {
      begunMs = undefined
    }
  }
  return {
    open: () => (made ??= begin()),
    isStuck: () => begunMs !== undefined && clock.monotonicMs() - begunMs > limits.walOpenMsMax,
  }
}
