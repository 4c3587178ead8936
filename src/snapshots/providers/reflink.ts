/**
 * reflink: copies that share their blocks, on XFS, btrfs and others that can. Not frozen in one moment, but made file by file
 * inside the bracket, as a base backup is; so it needs no rights but those of the files' owner.
 */
import { mkdir, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Fault, errnoOf, isFault, messageOf } from '../../base/fault.ts'
import { takeAll } from '../all-or-nothing.ts'
import { copyTree } from '../copy-tree.ts'
import type { SnapshotSettings } from '../description.ts'
import { directoryFor, isDirectory, listFolders, makeSnapshotFolder, ownerFolder } from '../folders.ts'
import { mountOf, readMounts, type Mount } from '../mounts.ts'
import type { CreateRequest, SnapshotProvider, TakenSnapshot, Tree, Volume, VolumeTree } from '../provider.ts'
import { runProgram, runWell, type RunProgram } from '../run-program.ts'
import { assertNothingMounted, gatherVolumes, unsupported, type VolumeRoot } from '../volumes.ts'
import { removeTree, restoreByCopy } from './copies.ts'

export function openReflink(settings: SnapshotSettings, run: RunProgram = runProgram): SnapshotProvider {
  const { directories, timeLimitMs } = settings
  return {
    name: 'reflink',
    restores: 'trees',
    volumesOf: async (trees, signal) => {
      const mounts = await readMounts()
      const volumes = await gatherVolumes(trees, tree => Promise.resolve(rootOf(mounts, tree, trees)))
      for (const volume of volumes) await directoryFor(volume, mounts, directories)
      signal.throwIfAborted()
      return volumes
    },
    create: async (request, signal) => {
      signal.throwIfAborted()
      const mounts = await readMounts()
      const placeOf = async (volume: Volume): Promise<string> => {
        const directory = await directoryFor(volume, mounts, directories)
        return join(ownerFolder(directory, request), request.id, volume.name)
      }
      const take = async (volume: Volume, stop: AbortSignal): Promise<TakenSnapshot> => {
        const reference = await placeOf(volume)
        await makeSnapshotFolder(dirname(reference))
        const sizeBytes = await copyVolume(volume, `${reference}.part`, request, stop)
        // Of the whole file system: the copies are durable before they count.
        await runWell(run, { words: ['sync', '-f', dirname(reference)], timeLimitMs }, stop)
        await rename(`${reference}.part`, reference)
        await runWell(run, { words: ['sync', '-f', dirname(reference)], timeLimitMs }, stop)
        return { volume: volume.name, reference, sizeBytes, details: {} }
      }
      const undo = async (volume: Volume): Promise<void> => removeTree(await placeOf(volume))
      return takeAll(request, { take, undo }, signal)
    },
    list: (owner, mountPaths) => listFolders(owner, mountPaths, directories),
    describe: async ({ reference }) =>
      !reference.endsWith('.part') && (await isDirectory(reference)) ? { state: 'ready' } : undefined,
    restore: async ({ snapshot: { reference }, inside, to }, signal) => {
      const mounts = await readMounts()
      const isSame = mountOf(mounts, reference)?.source === mountOf(mounts, dirname(to))?.source
      return restoreByCopy(join(reference, inside), to, isSame, signal)
    },
    remove: ({ reference }) => removeTree(reference),
    readablePath: async ({ reference }) => ((await isDirectory(reference)) ? reference : undefined),
    close: () => Promise.resolve(),
  }
}

/** These are known not to share blocks; others are tried. */
const without = ['ext2', 'ext3', 'ext4', 'tmpfs', 'fuseblk', 'nfs', 'nfs4', 'vfat']

function rootOf(mounts: readonly Mount[], tree: Tree, trees: readonly Tree[]): VolumeRoot {
  const mount = mountOf(mounts, tree.path)
  if (!mount || without.includes(mount.fileSystem))
    throw unsupported(
      `${tree.path} lies on ${mount?.fileSystem ?? 'an unknown file system'}, where files can not share their blocks`,
      'Use XFS (made with reflink=1, the default for years) or btrfs, or another provider.',
    )
  assertNothingMounted(mounts, tree, trees)
  return { source: mount.path, mountPath: mount.path, fileSystem: mount.fileSystem }
}

/** Returns how many bytes the files have. WAL is in the repository, and its folder changes too fast to be copied. */
async function copyVolume(
  { trees }: Volume,
  to: string,
  { copyRules }: CreateRequest,
  signal: AbortSignal,
): Promise<number> {
  let bytes = 0
  for (const tree of trees.toSorted(dataLast)) {
    if (tree.inside === '' && trees.length > 1) throw topHoldsAll(tree)
    const target = join(to, tree.inside)
    await mkdir(dirname(target), { recursive: true, mode: 0o700 })
    const rules = tree.holds === 'data' ? copyRules : { emptied: tree.holds === 'wal' ? [''] : [], last: [] }
    const leaveOut = trees.map(({ path }) => path).filter(path => path !== tree.path)
    const copied = await cloned(
      () => copyTree({ from: tree.path, to: target, clone: 'always', rules, leaveOut }, signal),
      tree,
    )
    bytes += copied.bytes
  }
  return bytes
}

/** The control file of a standby must not be older than any page. */
const dataLast = (a: VolumeTree, b: VolumeTree): number =>
  Number(a.holds === 'data') - Number(b.holds === 'data')

async function cloned<T>(work: () => Promise<T>, { path }: Tree): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined || isFault(error)) throw error
    if (['ENOTSUP', 'EOPNOTSUPP', 'EXDEV', 'ENOSYS', 'EINVAL'].includes(code))
      throw new Fault(
        'SNAPSHOT_UNSUPPORTED',
        `files of ${path} can not share their blocks: ${messageOf(error)}`,
        {
          hint: 'Use XFS (made with reflink=1, the default for years) or btrfs, or another provider.',
          cause: error,
        },
      )
    throw new Fault('SNAPSHOT_FAILED', `${path} could not be copied: ${messageOf(error)}`, {
      hint: 'Look at the rights and the free space of its file system.',
      cause: error,
    })
  }
}

const topHoldsAll = ({ path }: Tree): Fault =>
  unsupported(
    `${path} is the top of its file system and holds other parts of the cluster`,
    'Move the data directory into a folder, or use another provider.',
  )
