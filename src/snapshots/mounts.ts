/** What is mounted where on this host: /proc/self/mountinfo, and which mount a path lies on. */
import { readFile } from 'node:fs/promises'

export interface Mount {
  readonly path: string
  /** Where in its file system the mount's root lies: `/@data` of a btrfs. */
  readonly root: string
  readonly fileSystem: string
  /** A device, or a dataset of ZFS. */
  readonly source: string
}

export async function readMounts(): Promise<readonly Mount[]> {
  return parseMounts(await readFile('/proc/self/mountinfo', 'utf8'))
}

/** Later lines are mounted over earlier ones. */
export function parseMounts(text: string): readonly Mount[] {
  return text.split('\n').flatMap(line => {
    const [before = '', after = ''] = line.split(' - ')
    const [, , , root, path] = before.split(' ')
    const [fileSystem, source] = after.split(' ')
    if (root === undefined || path === undefined || fileSystem === undefined || source === undefined)
      return []
    return [{ path: plain(path), root: plain(root), fileSystem, source: plain(source) }]
  })
}

/** Blanks and the like stand as `\040`. */
const plain = (text: string): string =>
  text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))

/** The mount that a path without links in it lies on. */
export function mountOf(mounts: readonly Mount[], path: string): Mount | undefined {
  const above = mounts.filter(mount => isWithin(path, mount.path))
  return above.reduce<Mount | undefined>(
    (best, mount) => (best === undefined || mount.path.length >= best.path.length ? mount : best),
    undefined,
  )
}

/** Mounts somewhere below a path: what lies there is on another volume. */
export function mountsBelow(mounts: readonly Mount[], path: string): readonly Mount[] {
  return mounts.filter(mount => mount.path !== path && isWithin(mount.path, path))
}

export function isWithin(path: string, folder: string): boolean {
  return path === folder || folder === '/' || path.startsWith(`${folder}/`)
}

/** Relative to a folder that it lies in; empty: the folder itself. */
export function insideOf(path: string, folder: string): string {
  return path.slice(folder.length).replace(/^\//, '')
}
