/** Trees gathered to the volumes that they lie on. */
import { Fault } from '../base/fault.ts'
import { insideOf, mountsBelow, type Mount } from './mounts.ts'
import type { Holding, Tree, Volume } from './provider.ts'

export type VolumeRoot = Pick<Volume, 'source' | 'mountPath' | 'fileSystem'>

/** In the order of the trees; volumes are told apart by their sources. */
export async function gatherVolumes(
  trees: readonly Tree[],
  rootOf: (tree: Tree) => Promise<VolumeRoot>,
): Promise<readonly Volume[]> {
  const volumes = new Map<string, { root: VolumeRoot; trees: Tree[] }>()
  for (const tree of trees) {
    const root = await rootOf(tree)
    const known = volumes.get(root.source) ?? { root, trees: [] }
    known.trees.push(tree)
    volumes.set(root.source, known)
  }
  return [...volumes.values()].map(({ root, trees: held }) => ({
    ...root,
    name: volumeName(held[0]?.holds ?? 'data'),
    trees: held.map(tree => ({ ...tree, inside: insideOf(tree.path, root.mountPath) })),
  }))
}

export const volumeName = (holds: Holding): string => (/^\d/.test(holds) ? `ts${holds}` : holds)

/** What is mounted inside of a tree, and is no tree itself, would be missing in the snapshot without anybody's notice. */
export function assertNothingMounted(mounts: readonly Mount[], tree: Tree, trees: readonly Tree[]): void {
  const [stray] = mountsBelow(mounts, tree.path).filter(({ path }) => !trees.some(one => one.path === path))
  if (!stray) return
  throw unsupported(
    `${stray.path} is a mount of its own inside of ${tree.path}, so a snapshot would not have what lies there`,
    'Mount only the data directory itself, pg_wal or tablespaces, or take a base backup instead (holdfast backup).',
  )
}

export const unsupported = (message: string, hint: string): Fault =>
  new Fault('SNAPSHOT_UNSUPPORTED', message, { hint })
