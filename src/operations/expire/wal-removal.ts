/** WAL that is removed: counted for the plan, then deleted, oldest first. What another repository is still to receive, and what is locked, is spared. */
import { inParallel } from '../../base/in-parallel.ts'
import { limits } from '../../base/limits.ts'
import { formatTime } from '../../base/units.ts'
import { walKey, walNameOf, walPrefix } from '../../repository/layout.ts'
import type { Repository } from '../../repository/repository.ts'
import type { ObjectInfo } from '../../storage/storage.ts'
import { segmentName } from '../../wal/segment.ts'
import type { WalStretch } from './wal-survey.ts'

export interface Sparing {
  /** Why this file stays although nothing here needs it, as a clause without a subject. */
  readonly ofName: (name: string) => string | undefined
  /** Whether each is asked for its lock. */
  readonly looksAtLocks: boolean
  readonly nowMs: number
}

export interface WalTally {
  readonly files: number
  readonly bytes: number
  /** What stays, by why it does. */
  readonly spared: ReadonlyMap<string, number>
}

/** `act` is given what may go, a batch at a time; without it, it is only counted. */
export async function removableWal(
  repository: Repository,
  stretch: WalStretch,
  sparing: Sparing,
  act: ((keys: readonly string[]) => Promise<void>) | undefined,
  signal: AbortSignal,
): Promise<WalTally> {
  const spared = new Map<string, number>()
  let [files, bytes] = [0, 0]
  const flush = async (batch: readonly NamedObject[]): Promise<void> => {
    const reasons = batch.map(({ name }) => sparing.ofName(name))
    const free = batch.filter((_, i) => reasons[i] === undefined)
    for (const reason of reasons) if (reason !== undefined) count(spared, reason)
    const locked = sparing.looksAtLocks
      ? await lockedAmong(repository, free, sparing.nowMs, signal)
      : new Map<string, number>()
    if (locked.size > 0)
      count(spared, `locked until ${formatTime(Math.max(...locked.values()))}`, locked.size)
    const going = free.filter(({ key }) => !locked.has(key))
    if (act && going.length > 0) await act(going.map(({ key }) => key))
    files += going.length
    bytes += going.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  }
  let batch: NamedObject[] = []
  for await (const object of objectsOf(repository, stretch, signal)) {
    batch.push(object)
    if (batch.length < limits.objectDeleteKeysMax) continue
    await flush(batch)
    batch = []
  }
  if (batch.length > 0) await flush(batch)
  return { files, bytes, spared }
}

type NamedObject = ObjectInfo & { readonly name: string }

async function* objectsOf(
  { storage, identity }: Repository,
  { timeline, first, last }: WalStretch,
  signal: AbortSignal,
): AsyncGenerator<NamedObject> {
  const { cluster, walSegmentSizeBytes } = identity
  const nameOf = (number: bigint): string => segmentName({ timeline, number }, walSegmentSizeBytes)
  const prefix = `${walPrefix(cluster)}${nameOf(first).slice(0, 8)}/`
  // Without its suffix the key comes before all that belongs to the segment.
  for await (const info of storage.list({ prefix, after: walKey(cluster, nameOf(first), '') }, signal)) {
    const name = walNameOf(cluster, info.key)
    if (name === undefined) continue
    if (name.slice(0, 24) > nameOf(last)) return
    yield { ...info, name }
  }
}

/** Until when each is locked, by key; what is not is left out. */
async function lockedAmong(
  { storage }: Repository,
  objects: readonly NamedObject[],
  nowMs: number,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const locked = new Map<string, number>()
  const look = async ({ key }: NamedObject, stop: AbortSignal): Promise<void> => {
    const untilMs = (await storage.stat(key, stop))?.retainedUntilMs ?? 0
    if (untilMs > nowMs) locked.set(key, untilMs)
  }
  await inParallel(objects, limits.lockParallel, look, signal)
  return locked
}

function count(counts: Map<string, number>, reason: string, more = 1): void {
  counts.set(reason, (counts.get(reason) ?? 0) + more)
}
