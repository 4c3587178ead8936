/**
 * Finds out what the present credentials can do, and changes nothing: what is deleted is not there, what is written is
 * there already, with the same bytes, under the condition that it is not.
 */
import { isFault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { World } from '../../base/world.ts'
import type { Abilities } from '../../policy/rights/judge-abilities.ts'
import { backupsPrefix, clusterKey, commitName, probePrefix, walPrefix } from '../../repository/layout.ts'
import { readWhole } from '../../repository/objects.ts'
import type { BucketSettings } from '../../storage/bucket-settings.ts'
import { bodyOf, type Storage } from '../../storage/storage.ts'

export interface ProbeDeps {
  readonly storage: Storage
  readonly settings: BucketSettings | undefined
  readonly cluster: string
  /** Keys of objects that are there, to be tried; a kind of which there is none yet can not be told. */
  readonly samples: Samples
  /** Whether the server has just been proven to refuse a second write. */
  readonly isProven: boolean
  readonly world: World
}

export interface Samples {
  readonly record: string | undefined
  readonly pack: string | undefined
  readonly segment: string | undefined
}

export async function probeAbilities(deps: ProbeDeps, signal: AbortSignal): Promise<Abilities> {
  const { storage, settings, cluster, samples, world } = deps
  const name = `probe-${Buffer.from(world.randomBytes(8)).toString('hex')}`
  const segment = `${walPrefix(cluster)}${name}/${name}.zst`
  const write = await mayWrite(deps, signal)
  return {
    readBackups: await mayRead(storage, samples.pack, signal),
    readWal: await mayRead(storage, samples.segment, signal),
    write,
    // Who may not write there at all does not overwrite either.
    overwrite: write === false ? false : await mayOverwrite(deps, signal),
    deleteBackups: await mayDelete(storage, `${backupsPrefix(cluster)}${name}/${commitName}`, signal),
    deleteWal: await mayDelete(storage, segment, signal),
    deleteVersions: await settings?.mayDeleteVersions(segment, signal),
  }
}

/** One byte of something that is there: of what is not, some servers say so to those as well who may not read it. */
async function mayRead(
  storage: Storage,
  key: string | undefined,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  if (key === undefined) return undefined
  return unlessOther(async () => {
    await Array.fromAsync(storage.get(key, { startBytes: 0, endBytes: 1 }, signal))
    return true
  })
}

async function mayDelete(storage: Storage, key: string, signal: AbortSignal): Promise<boolean | undefined> {
  return unlessOther(async () => {
    await storage.delete([key], signal)
    return true
  })
}

/**
 * Only where a second write is known to be refused: then a put of what is there does nothing. The record of a backup tells
 * more than that of the cluster, which `init` alone writes.
 */
async function mayWrite(
  { storage, cluster, samples, isProven }: ProbeDeps,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  if (!isProven) return undefined
  const key = samples.record ?? clusterKey(cluster)
  return unlessOther(async () => {
    const bytes = await readWhole(storage, key, limits.recordSizeBytesMax, signal)
    if (!bytes) return undefined
    await storage.put(key, bodyOf(bytes), signal)
    return true
  })
}

/** A probe of our own is written over with its own bytes, and taken away again where that is allowed. */
async function mayOverwrite(
  { storage, settings, cluster, world }: ProbeDeps,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  if (!settings) return undefined
  return unlessOther(async () => {
    const key = await probeOf(storage, cluster, world, signal)
    const bytes = await readWhole(storage, key, limits.recordSizeBytesMax, signal)
    const answer = bytes && (await settings.mayOverwrite(key, bytes, signal))
    await unlessOther(async () => {
      await storage.delete([key], signal)
      return true
    })
    return answer
  })
}

/** One that an earlier proof left, where nothing may be deleted; else a new one. */
async function probeOf(
  storage: Storage,
  cluster: string,
  world: World,
  signal: AbortSignal,
): Promise<string> {
  const prefix = `${probePrefix(cluster)}put-`
  for await (const { key } of storage.list(prefix, signal)) return key
  const key = `${prefix}${Buffer.from(world.randomBytes(8)).toString('hex')}`
  await storage.put(key, bodyOf(world.randomBytes(64)), signal)
  return key
}

/** What fails for another reason than rights tells nothing about them. */
async function unlessOther(ask: () => Promise<boolean | undefined>): Promise<boolean | undefined> {
  try {
    return await ask()
  } catch (error) {
    if (isFault(error, 'STORAGE_DENIED')) return false
    if (isFault(error, 'OBJECT_MISSING')) return true
    if (isFault(error, 'OBJECT_LOCKED', 'STORAGE_UNSUPPORTED')) return undefined
    throw error
  }
}
