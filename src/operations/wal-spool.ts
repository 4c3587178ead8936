/**
 * The spool: segments that were fetched before PostgreSQL asked for them, in a folder of its pg_wal, so that
 * handing one over is a rename.
 *
 *     pg_wal/holdfast-ahead/<source>/cluster.json     whose segments these are
 *                                    wanted           the last segment that was asked for
 *                                    lock             touched by the process that fetches, as long as it lives
 *                                    launcher         whom bin/holdfast may hand segments to by itself, without starting Node
 *                                    <segment>        whole, synced, checked
 *                                    <segment>.part   on its way
 *                                    <segment>.notes  what people should know of how it was fetched
 *
 * `wal get` takes from it and says what it wants; the one process that fetches (wal-fetch-ahead.ts) fills it. Being
 * right never depends on it: whatever is wrong with a spool, `wal get` goes to the repository instead.
 */
import { hash } from 'node:crypto'
import { access, mkdir, open, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errnoOf } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import type { World } from '../base/world.ts'
import { longPageHeaderSizeBytes } from '../postgres/wal-records/page.ts'
import { checkSegmentHeader } from '../postgres/wal-records/segment-header.ts'
import type { ClusterOfWal } from '../wal/cluster.ts'
import { classifyWalFile } from '../wal/segment.ts'

const spoolsFolderName = 'holdfast-ahead'

export interface Spool {
  readonly folder: string
  /** Moves a segment to its destination; undefined when it is not here. Waits for one that is on its way. */
  take(name: string, destination: string, signal: AbortSignal): Promise<Taken | undefined>
  /** Sees to it that somebody fetches what comes after `name`. */
  keepFilling(name: string, start: (spoolFolder: string) => void): Promise<void>
}

export interface Taken {
  /** What was noted when it was fetched. */
  readonly notes: readonly string[]
}

/** `source` names repository and cluster: a spool that was filled from another one is never looked at. */
export function openSpool(walFolder: string, source: string, world: World): Spool {
  const folder = join(walFolder, spoolsFolderName, hash('sha256', source, 'hex').slice(0, 16))
  return {
    folder,
    async take(name, destination, signal) {
      try {
        if (!(await isBeingFilled(folder, world))) return undefined
        await writeWanted(folder, name)
        await untilArrived(folder, name, world, signal)
        await checkReady(folder, name)
        await rename(join(folder, name), destination)
        return { notes: await takeNotes(folder, name) }
      } catch {
        signal.throwIfAborted()
        return undefined
      }
    },
    async keepFilling(name, start) {
      try {
        if (await isBeingFilled(folder, world)) return
        await removeDeadSpools(dirname(folder), world)
        await makeSpoolFolder(folder)
        await writeWanted(folder, name)
        start(folder)
      } catch {
        // Without a spool each segment is fetched when it is asked for.
      }
    },
  }
}

/** A lock that has not been touched for long is a dead process's, and the spool is as if it were not there. */
export async function isBeingFilled(folder: string, { clock }: World): Promise<boolean> {
  const lock = await stat(join(folder, 'lock')).catch(unlessMissing)
  return lock !== undefined && clock.now() - lock.mtimeMs < limits.walFetchAheadSilenceMsMax
}

/**
 * In pg_wal, which is there. Not `recursive`: Node then never returns when the working directory, which a relative path
 * starts from, has been removed, and a data directory may be.
 */
export async function makeSpoolFolder(folder: string): Promise<void> {
  for (const path of [dirname(folder), folder]) {
    try {
      await mkdir(path, { mode: 0o700 })
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error
    }
  }
}

export const partOf = (folder: string, name: string): string => join(folder, `${name}.part`)

/** Undefined also while it is being written: bin/holdfast does so in place. */
export async function readWanted(folder: string): Promise<string | undefined> {
  const name = await readFile(join(folder, 'wanted'), 'utf8').catch(unlessMissing)
  return name !== undefined && classifyWalFile(name)?.kind === 'segment' ? name : undefined
}

export async function writeWanted(folder: string, name: string): Promise<void> {
  const unfinished = join(folder, `wanted.${String(process.pid)}`)
  await writeFile(unfinished, name)
  await rename(unfinished, join(folder, 'wanted'))
}

export async function writeCluster(folder: string, cluster: ClusterOfWal): Promise<void> {
  await writeFile(join(folder, 'cluster.json'), JSON.stringify(cluster))
}

/**
 * From then on bin/holdfast takes segments by itself: for the same words, in the same context, from this very folder (a
 * copy of the data directory has another one), as long as this process lives.
 */
export async function writeLauncher(
  folder: string,
  words: readonly string[],
  context: readonly string[],
): Promise<void> {
  const { dev, ino } = await stat(folder, { bigint: true })
  const lines = [
    process.pid,
    `${String(dev)}:${String(ino)}`,
    ...context,
    words.map(word => ` ${word}`).join(''),
  ]
  const unfinished = join(folder, 'launcher.part')
  await writeFile(unfinished, lines.map(line => `${String(line)}\n`).join(''), { mode: 0o600 })
  await rename(unfinished, join(folder, 'launcher'))
}

/** Removes the spools whose process is gone: this one's, when it was killed, and those of other repositories. */
async function removeDeadSpools(spoolsFolder: string, world: World): Promise<void> {
  for (const name of (await readdir(spoolsFolder).catch(unlessMissing)) ?? []) {
    const folder = join(spoolsFolder, name)
    if (!(await isBeingFilled(folder, world))) await rm(folder, { recursive: true, force: true })
  }
}

async function untilArrived(folder: string, name: string, world: World, signal: AbortSignal): Promise<void> {
  while ((await isThere(partOf(folder, name))) && (await isBeingFilled(folder, world))) {
    await world.clock.sleep(limits.walFetchAheadPollMs, signal)
  }
}

export async function writeNotes(folder: string, name: string, notes: readonly string[]): Promise<void> {
  if (notes.length > 0) await writeFile(notesOf(folder, name), notes.join('\n'), { mode: 0o600 })
}

/** The segment is in place already: what keeps the notes from being read costs no more than them. */
async function takeNotes(folder: string, name: string): Promise<readonly string[]> {
  try {
    const text = await readFile(notesOf(folder, name), 'utf8')
    await rm(notesOf(folder, name), { force: true })
    return text.split('\n')
  } catch {
    return []
  }
}

const notesOf = (folder: string, name: string): string => join(folder, `${name}.notes`)

/** It was checked when it was fetched; the folder may have been copied here with a data directory since. */
async function checkReady(folder: string, name: string): Promise<void> {
  const [handle, cluster] = await Promise.all([open(join(folder, name)), readCluster(folder)])
  try {
    const start = new Uint8Array(longPageHeaderSizeBytes)
    const [{ bytesRead }, { size }] = await Promise.all([
      handle.read(start, 0, start.length, 0),
      handle.stat(),
    ])
    checkSegmentHeader(start.subarray(0, bytesRead), size, name, cluster)
  } finally {
    await handle.close()
  }
}

async function readCluster(folder: string): Promise<ClusterOfWal> {
  const read: unknown = JSON.parse(await readFile(join(folder, 'cluster.json'), 'utf8'))
  if (
    typeof read === 'object' &&
    read !== null &&
    'systemIdentifier' in read &&
    'walSegmentSizeBytes' in read
  ) {
    const { systemIdentifier, walSegmentSizeBytes } = read
    if (typeof systemIdentifier === 'string' && typeof walSegmentSizeBytes === 'number') {
      return { systemIdentifier, walSegmentSizeBytes }
    }
  }
  throw new Error('cluster.json in the spool names no cluster')
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

function unlessMissing(error: unknown): undefined {
  if (errnoOf(error) !== 'ENOENT') throw error
}
