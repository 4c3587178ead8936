/** Tries a storage out: what every promise stands on is that it keeps what it took, and never replaces it. */
import { Fault } from '../../base/fault.ts'
import { formatBytes, GiB } from '../../base/units.ts'
import type { World } from '../../base/world.ts'
import { listBackups } from '../../repository/catalog.ts'
import type { Repository } from '../../repository/repository.ts'
import { probePrefix } from '../../repository/layout.ts'
import { bodyOf, type Storage } from '../../storage/storage.ts'
import { advice, ok, problem, type Finding } from './finding.ts'

export interface StorageTrial {
  readonly findings: readonly Finding[]
  /** The storage's clock less ours. */
  readonly clockAheadMs: number
}

/** Writes a small object, and takes it away again. */
export async function tryStorage(
  storage: Storage,
  cluster: string,
  world: World,
  signal: AbortSignal,
): Promise<StorageTrial> {
  const key = `${probePrefix(cluster)}${Buffer.from(world.randomBytes(8)).toString('hex')}`
  const bytes = world.randomBytes(64)
  const nowMs = world.clock.now()
  try {
    expect(await storage.put(key, bodyOf(bytes), signal), 'written', storage, 'a new object was refused')
    const again = await storage.put(key, bodyOf(world.randomBytes(64)), signal)
    expect(again, 'taken', storage, 'an object that was there was replaced')
    const read = Buffer.concat(await Array.fromAsync(storage.get(key, undefined, signal)))
    expect(read.equals(bytes), true, storage, 'what was read is not what was written')
    const info = await storage.stat(key, signal)
    const clockAheadMs = (info?.modifiedMs ?? nowMs) - nowMs
    return {
      findings: [ok('storage', `${storage.location} writes, reads, and refuses a second write`)],
      clockAheadMs,
    }
  } finally {
    await storage.delete([key], signal).catch(() => undefined)
  }
}

function expect<T>(got: T, wanted: T, { location }: Storage, complaint: string): void {
  if (got === wanted) return
  throw new Fault('STORAGE_DENIED', `${location} can not be trusted: ${complaint}`, {
    hint: 'Use another storage: this one does not keep what Holdfast builds on (see docs/format.md).',
  })
}

/** `freeBytes` of the file system below. The next backup has to fit, and some WAL. */
export async function checkSpace(
  repository: Repository,
  freeBytes: number,
  signal: AbortSignal,
): Promise<Finding> {
  const { location } = repository.storage
  const last = (await listBackups(repository, signal)).at(-1)
  const needBytes = last?.sizes.storedBytes ?? GiB
  const free = `${formatBytes(freeBytes)} free at ${location}`
  const need = last ? `the last backup took ${formatBytes(needBytes)}` : 'no backup yet'
  if (freeBytes < needBytes)
    return problem('storage', `${free}; ${need}`, 'Make room, or move the repository to a larger disk.')
  if (freeBytes < 3 * needBytes)
    return advice('storage', `only ${free}; ${need}`, 'Make room before it runs out.')
  return ok('storage', `${free}; ${need}`)
}
