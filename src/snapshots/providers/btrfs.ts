/** btrfs: read-only snapshots of subvolumes, kept as subvolumes on the same file system. */
import { opendir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errnoOf } from '../../base/fault.ts'
import { takeAll } from '../all-or-nothing.ts'
import type { SnapshotSettings } from '../description.ts'
import {
  directoryFor,
  dropEmptyFolders,
  isDirectory,
  listFolders,
  makeSnapshotFolder,
  ownerFolder,
} from '../folders.ts'
import { mountOf, readMounts, type Mount } from '../mounts.ts'
import type {
  CreateRequest,
  RestoreRequest,
  RestoredPlace,
  SnapshotProvider,
  TakenSnapshot,
  Tree,
  Volume,
} from '../provider.ts'
import { runProgram, runWell, type ProgramCall, type RunProgram } from '../run-program.ts'
import { assertNothingMounted, gatherVolumes, unsupported, type VolumeRoot } from '../volumes.ts'
import { restoreByCopy } from './copies.ts'

/** A subvolume's root has this inode, and nothing else has. */
const subvolumeInode = 256

export function openBtrfs(settings: SnapshotSettings, run: RunProgram = runProgram): SnapshotProvider {
  const btrfs: Btrfs = (words, signal) => {
    const [first = 'btrfs', ...rest] = [...settings.prefix, 'btrfs', ...words]
    const call: ProgramCall = { words: [first, ...rest], timeLimitMs: settings.timeLimitMs }
    return runWell(run, call, signal)
  }
  const remove = async (reference: string, signal: AbortSignal): Promise<void> => {
    if (!(await isDirectory(reference))) return
    // Without this only root may remove what can not be written.
    await btrfs(['property', 'set', '-ts', reference, 'ro', 'false'], signal)
    await btrfs(['subvolume', 'delete', '--commit-after', reference], signal)
    await dropEmptyFolders(reference)
  }
  return {
    name: 'btrfs',
    restores: 'trees',
    volumesOf: async (trees, signal) => {
      const mounts = await readMounts()
      const volumes = await gatherVolumes(trees, tree => rootOf(mounts, tree, trees))
      for (const volume of volumes) await directoryFor(volume, mounts, settings.directories)
      signal.throwIfAborted()
      return volumes
    },
    create: async (request, signal) => {
      signal.throwIfAborted()
      const places = await placesOf(request, settings)
      const take = async (volume: Volume, stop: AbortSignal): Promise<TakenSnapshot> => {
        const reference = placeOf(places, volume)
        await makeSnapshotFolder(dirname(reference))
        await btrfs(['subvolume', 'snapshot', '-r', volume.mountPath, reference], stop)
        return { volume: volume.name, reference, sizeBytes: undefined, details: {} }
      }
      const undo = async (volume: Volume, stop: AbortSignal): Promise<void> => {
        await remove(placeOf(places, volume), stop)
        await dropEmptyFolders(placeOf(places, volume))
      }
      return takeAll(request, { take, undo }, signal)
    },
    list: (owner, mountPaths) => listFolders(owner, mountPaths, settings.directories),
    describe: async ({ reference }) => ((await isSubvolume(reference)) ? { state: 'ready' } : undefined),
    restore: (request, signal) => restore(request, btrfs, signal),
    remove: ({ reference }, signal) => remove(reference, signal),
    readablePath: async ({ reference }) => ((await isSubvolume(reference)) ? reference : undefined),
    close: () => Promise.resolve(),
  }
}

/** The subvolume that a tree lies in: the nearest folder above it that is the root of one. */
async function rootOf(mounts: readonly Mount[], tree: Tree, trees: readonly Tree[]): Promise<VolumeRoot> {
  const mount = mountOf(mounts, tree.path)
  if (mount?.fileSystem !== 'btrfs')
    throw unsupported(
      `${tree.path} lies on ${mount?.fileSystem ?? 'an unknown file system'}, not on btrfs`,
      'Name the provider that fits its file system in snapshots.provider.',
    )
  assertNothingMounted(mounts, tree, trees)
  if (tree.holds === 'data') await assertOneSubvolume(tree.path, trees)
  let path = tree.path
  while (path !== mount.path && !(await isSubvolume(path))) path = dirname(path)
  return { source: path, mountPath: path, fileSystem: 'btrfs' }
}

/** A subvolume inside of another one is an empty folder in its snapshots. They are looked for where people make them. */
async function assertOneSubvolume(dataDirectory: string, trees: readonly Tree[]): Promise<void> {
  const { dev } = await stat(dataDirectory)
  for (const folder of ['', 'base', 'pg_tblspc']) {
    for await (const entry of await opendir(join(dataDirectory, folder))) {
      const path = join(dataDirectory, folder, entry.name)
      if (!entry.isDirectory() || trees.some(tree => tree.path === path)) continue
      if ((await stat(path)).dev === dev) continue
      throw unsupported(
        `${path} is a subvolume of its own inside of the data directory, and would be missing in a snapshot`,
        'Only pg_wal may be one, as a link to a place outside. Or take a base backup instead (holdfast backup).',
      )
    }
  }
}

async function isSubvolume(path: string): Promise<boolean> {
  try {
    return (await stat(path)).ino === subvolumeInode
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return false
    throw error
  }
}

async function placesOf(
  request: CreateRequest,
  { directories }: SnapshotSettings,
): Promise<ReadonlyMap<string, string>> {
  const mounts = await readMounts()
  const places = new Map<string, string>()
  for (const volume of request.volumes) {
    const directory = await directoryFor(volume, mounts, directories)
    places.set(volume.name, join(ownerFolder(directory, request), request.id, volume.name))
  }
  return places
}

function placeOf(places: ReadonlyMap<string, string>, { name }: Volume): string {
  const place = places.get(name)
  if (place === undefined) throw new Error('assertion failed: every volume has a place')
  return place
}

type Btrfs = (words: readonly string[], signal: AbortSignal) => Promise<string>

/** A whole subvolume comes back as one, in a moment. A folder in it, or on another file system, is copied. */
async function restore(
  { snapshot: { reference }, inside, to }: RestoreRequest,
  btrfs: Btrfs,
  signal: AbortSignal,
): Promise<RestoredPlace> {
  const mounts = await readMounts()
  const isSame = mountOf(mounts, reference)?.source === mountOf(mounts, dirname(to))?.source
  if (inside === '' && isSame) {
    await btrfs(['subvolume', 'snapshot', reference, to], signal)
    const discard = async (stop: AbortSignal): Promise<void> => {
      await btrfs(['subvolume', 'delete', '--commit-after', to], stop)
    }
    return { what: 'a writable snapshot of the snapshot', volume: to, discard }
  }
  return restoreByCopy(join(reference, inside), to, isSame, signal)
}
