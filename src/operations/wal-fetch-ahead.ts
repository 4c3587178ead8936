/**
 * Fetches the next segments while PostgreSQL replays the last one. One process does it for a server that recovers:
 * `wal get` starts it, and it ends by itself once nobody has asked for long.
 */
import { open, readdir, rename, rm, rmdir, stat, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errnoOf } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import type { Clock, World } from '../base/world.ts'
import { checkSegmentHeader } from '../postgres/wal-records/segment-header.ts'
import { classifyWalFile, parseSegmentName, segmentName } from '../wal/segment.ts'
import type { WalSource } from './wal-get.ts'
import {
  isBeingFilled,
  makeSpoolFolder,
  partOf,
  readWanted,
  writeCluster,
  writeLauncher,
  writeNotes,
} from './wal-spool.ts'

export interface FetchAheadDeps {
  readonly world: World
  readonly source: WalSource
  /** For whom bin/holdfast may take segments by itself; undefined: `wal get` always asks Node. */
  readonly launcher?: { readonly words: readonly string[]; readonly context: readonly string[] } | undefined
}

/** Fills the spool until it is idle, told to stop, or in trouble; leaves nothing behind. */
export async function fetchAhead(deps: FetchAheadDeps, folder: string, signal: AbortSignal): Promise<void> {
  await makeSpoolFolder(folder)
  if (!(await takeLock(folder, deps.world))) return
  try {
    await writeCluster(folder, deps.source.identity)
    if (deps.launcher) await writeLauncher(folder, deps.launcher.words, deps.launcher.context)
    await removeUnfinished(dirname(dirname(folder)), deps.world)
    await fillUntilIdle(deps, folder, signal)
  } catch (error) {
    // The process before this one ended in this moment, and took the folder with it: the next `wal get` begins anew.
    if (errnoOf(error) !== 'ENOENT') throw error
  } finally {
    // What can not be removed is another process's, which has just begun.
    await rm(folder, { recursive: true, force: true }).catch(() => undefined)
    await rmdir(dirname(folder)).catch(() => undefined)
  }
}

async function takeLock(folder: string, world: World): Promise<boolean> {
  const path = join(folder, 'lock')
  if (!(await isBeingFilled(folder, world))) await rm(path, { force: true })
  try {
    await (await open(path, 'wx', 0o600)).close()
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST' || errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

/** What `wal get` was writing when it was killed. */
async function removeUnfinished(walFolder: string, { clock }: World): Promise<void> {
  for (const name of await readdir(walFolder)) {
    if (!/\.holdfast-\d+$/.test(name)) continue
    const path = join(walFolder, name)
    const info = await stat(path).catch(() => undefined)
    if (info && clock.now() - info.mtimeMs > limits.storageRequestMsMax) await rm(path, { force: true })
  }
}

async function fillUntilIdle(
  { world, source }: FetchAheadDeps,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  const { clock } = world
  const fetches = openFetches(source, folder, new ArchiveEnd(clock), signal)
  let lastWanted: string | undefined
  let askedAt = clock.monotonicMs()
  try {
    while (clock.monotonicMs() - askedAt < limits.walFetchAheadIdleMs) {
      const now = new Date(clock.now())
      await utimes(join(folder, 'lock'), now, now)
      const wanted = (await readWanted(folder)) ?? lastWanted
      if (wanted !== lastWanted) [lastWanted, askedAt] = [wanted, clock.monotonicMs()]
      const names = namesAfter(wanted, source.identity.walSegmentSizeBytes)
      // The one that is wanted may be here, and on its way to being taken.
      await fetches.keepOnly(wanted === undefined ? names : [wanted, ...names])
      await fetches.start(names)
      await clock.sleep(limits.walFetchAheadPollMs, signal)
    }
  } finally {
    await fetches.end()
  }
}

/** The segments that come next on this timeline. Where it is left for another one, `wal get` says so by what it wants. */
function namesAfter(wanted: string | undefined, segmentSizeBytes: number): string[] {
  if (wanted === undefined || classifyWalFile(wanted)?.kind !== 'segment') return []
  const { timeline, number } = parseSegmentName(wanted, segmentSizeBytes)
  const count = Math.min(
    limits.walFetchAheadSegments,
    Math.ceil(limits.walFetchAheadBytesMax / segmentSizeBytes),
  )
  return Array.from({ length: count }, (_, i) =>
    segmentName({ timeline, number: number + BigInt(i + 1) }, segmentSizeBytes),
  )
}

interface Fetches {
  /** Removes what is not, or no longer, among the next segments. */
  keepOnly(names: readonly string[]): Promise<void>
  /** Starts as many as may run side by side. Throws what made one of the last ones fail. */
  start(names: readonly string[]): Promise<void>
  end(): Promise<void>
}

/**
 * Where the archive ended when it was last looked at. Beyond it nothing is asked for, and it itself only once in a while:
 * each look at what is not there is a request or three.
 */
class ArchiveEnd {
  readonly #clock: Pick<Clock, 'monotonicMs'>
  #end: { readonly name: string; readonly againMs: number } | undefined

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock
  }

  missed(name: string): void {
    if (this.#end && this.#end.name < name) return
    this.#end = { name, againMs: this.#clock.monotonicMs() + limits.walFetchAheadEndPauseMs }
  }

  found(name: string): void {
    if (this.#end && this.#end.name <= name) this.#end = undefined
  }

  worthAsking(names: readonly string[]): readonly string[] {
    // The server has come past it, or left this timeline.
    if (this.#end && !names.includes(this.#end.name)) this.#end = undefined
    const end = this.#end
    if (!end) return names
    return names.filter(
      name => name < end.name || (name === end.name && this.#clock.monotonicMs() >= end.againMs),
    )
  }
}

function openFetches(source: WalSource, folder: string, archive: ArchiveEnd, signal: AbortSignal): Fetches {
  const underWay = new Map<string, Promise<void>>()
  let failure: { readonly error: unknown } | undefined
  const fetchNow = async (name: string): Promise<void> => {
    try {
      if (await fetchOne(source, folder, name, signal)) archive.found(name)
      else archive.missed(name)
    } catch (error) {
      failure ??= { error }
    } finally {
      underWay.delete(name)
    }
  }
  return {
    async keepOnly(names) {
      for (const name of await readdir(folder)) {
        if (classifyWalFile(name) && !names.includes(name)) await rm(join(folder, name), { force: true })
      }
    },
    async start(names) {
      if (failure) throw failure.error
      // What arrives while the folder is read may be neither in the list nor under way any more.
      const busy = new Set(underWay.keys())
      const ready = new Set(await readdir(folder))
      const missing = archive.worthAsking(names).filter(name => !ready.has(name) && !busy.has(name))
      const room = limits.walFetchAheadParallel - underWay.size
      for (const name of missing.slice(0, Math.max(0, room))) underWay.set(name, fetchNow(name))
    },
    async end() {
      await Promise.all(underWay.values())
    },
  }
}

/** Whole, synced and checked before it has its name. False: it is not in the archive. */
async function fetchOne(
  source: WalSource,
  folder: string,
  name: string,
  signal: AbortSignal,
): Promise<boolean> {
  const part = partOf(folder, name)
  const handle = await open(part, 'w', 0o600)
  try {
    const bytes = await source.store.get(name, signal)
    if (!bytes) return false
    checkSegmentHeader(bytes, bytes.length, name, source.identity)
    await handle.writeFile(bytes)
    await handle.datasync()
    await writeNotes(folder, name, source.takeNotes?.() ?? [])
    await rename(part, join(folder, name))
    source.recycle?.(bytes)
    return true
  } finally {
    await handle.close()
    await rm(part, { force: true })
  }
}
