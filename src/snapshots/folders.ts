/**
 * Where btrfs and reflink keep their snapshots: `<directory>/<cluster>-<system>-<repository>/<id>/<volume>`, on the same file
 * system as the volume. The folders are the tags.
 */
import { mkdir, readdir, rmdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Fault, errnoOf, messageOf } from '../base/fault.ts'
import { isWithin, mountOf, type Mount } from './mounts.ts'
import type { FoundSnapshot, SnapshotCluster, SnapshotOwner, Volume } from './provider.ts'
import { unsupported } from './volumes.ts'

const defaultName = '.holdfast-snapshots'

/** Of several volumes, the folder that their snapshots go to: one that is configured on the same file system, or the usual one. */
export async function directoryFor(
  volume: Pick<Volume, 'mountPath'> & { readonly trees: readonly { readonly path: string }[] },
  mounts: readonly Mount[],
  configured: readonly string[],
): Promise<string> {
  const own = mountOf(mounts, volume.mountPath)
  const isSame = (path: string): boolean => {
    const mount = mountOf(mounts, path)
    return mount?.source === own?.source && mount?.fileSystem === own?.fileSystem
  }
  const named = configured.find(isSame)
  const candidates =
    named === undefined
      ? [dirname(volume.mountPath), volume.mountPath].filter(isSame).map(folder => join(folder, defaultName))
      : [named]
  const fit = candidates.find(folder => !volume.trees.some(({ path }) => isWithin(folder, path)))
  if (fit !== undefined) return fit
  throw unsupported(
    `there is no place for snapshots of ${volume.mountPath}: they have to lie on the same file system and outside of the data directory`,
    'Name a folder there in snapshots.directories; when the data directory is the top of its file system, mount the file system at another place, too.',
  )
}

export const ownerFolder = (
  directory: string,
  { cluster, systemIdentifier, repository }: SnapshotOwner,
): string => join(directory, `${cluster}-${systemIdentifier}-${repository}`)

export async function makeSnapshotFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new Fault('SNAPSHOT_FAILED', `${folder} can not be made: ${messageOf(error)}`, {
      hint: `Make ${dirname(dirname(dirname(folder)))} and give it to the user who runs Holdfast, or name another folder in snapshots.directories.`,
      cause: error,
    })
  }
}

/** What the usual places and the configured ones hold; places that do not exist hold nothing. */
export async function listFolders(
  { cluster, systemIdentifier }: SnapshotCluster,
  mountPaths: readonly string[],
  configured: readonly string[],
): Promise<readonly FoundSnapshot[]> {
  const usual = mountPaths.flatMap(path => [path, dirname(path)]).map(path => join(path, defaultName))
  const found: FoundSnapshot[] = []
  for (const directory of new Set([...configured, ...usual])) {
    const prefix = `${cluster}-${systemIdentifier}-`
    for (const own of (await namesIn(directory)).filter(name => name.startsWith(prefix))) {
      const [folder, repository] = [join(directory, own), own.slice(prefix.length)]
      for (const id of await namesIn(folder)) {
        for (const name of await namesIn(join(folder, id))) {
          const reference = join(folder, id, name)
          found.push({ id, volume: name.replace(/\.part$/, ''), reference, repository })
        }
      }
    }
  }
  return found
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder, { withFileTypes: true }))
      .filter(entry => entry.isDirectory())
      .map(({ name }) => name)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return []
    throw new Fault('SNAPSHOT_FAILED', `${folder} can not be read: ${messageOf(error)}`, {
      hint: 'Run as the user whose snapshots these are.',
      cause: error,
    })
  }
}

/** Those that became empty: of the snapshot, and of the cluster. */
export async function dropEmptyFolders(reference: string): Promise<void> {
  for (const folder of [dirname(reference), dirname(dirname(reference))]) {
    try {
      await rmdir(folder)
    } catch {
      // Not empty, or gone: either is well.
      return
    }
  }
}

export async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return false
    throw new Fault('SNAPSHOT_FAILED', `${path} can not be seen: ${messageOf(error)}`, {
      hint: 'Run as the user whose snapshots these are.',
      cause: error,
    })
  }
}
