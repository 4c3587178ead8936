/** Gathers what a scan of the data directory finds: the queue of files to copy, and the directories to make first. */
import type { TarEntry } from '../../../pipeline/tar.ts'
import type { ScanItem } from '../../../postgres/data-directory/scan.ts'
import type { ManifestDirectory } from '../../../repository/format/manifest.ts'
import type { FileOwner } from '../messages.ts'
import { WorkQueueBuilder, type WorkQueue } from '../work-queue.ts'

export interface Gathered {
  readonly queue: WorkQueue
  /** Parents first; without the data directory itself, and without `pg_tblspc/<oid>`, which a restore makes as links. */
  readonly directories: readonly ManifestDirectory[]
  /** Permission bits of the data directory itself. */
  readonly mode: number
  readonly tablespaces: readonly { readonly oid: number; readonly location: string }[]
  readonly warnings: readonly string[]
}

export async function gather(scan: AsyncIterable<ScanItem>): Promise<Gathered> {
  const builder = new WorkQueueBuilder()
  const directories: ManifestDirectory[] = []
  const tablespaces: { oid: number; location: string }[] = []
  const warnings: string[] = []
  let rootMode = 0o700
  for await (const item of scan) {
    switch (item.kind) {
      case 'directory':
        if (item.path === '') rootMode = item.mode
        else directories.push({ path: item.path, mode: item.mode })
        break
      case 'files':
        item.names.forEach((name, i) => {
          builder.add(item.directory, name, item.sizes[i] ?? 0)
        })
        break
      case 'tablespace':
        tablespaces.push({ oid: item.oid, location: item.location })
        break
      case 'warning':
        warnings.push(item.message)
        break
    }
  }
  return { queue: builder.close(), directories, mode: rootMode, tablespaces, warnings }
}

/**
 * The entries of the first pack. Tablespaces stand as plain directories, not as links: whoever unpacks by hand must not
 * write to where the original cluster lives.
 */
export function directoryEntries(
  { directories, tablespaces, mode }: Pick<Gathered, 'directories' | 'tablespaces' | 'mode'>,
  owner: FileOwner,
  modifiedMs: number,
): readonly TarEntry[] {
  const links = tablespaces.map(({ oid }) => ({ path: `pg_tblspc/${String(oid)}`, mode }))
  const before = directories.filter(({ path }) => !path.startsWith('pg_tblspc/'))
  const behind = directories.filter(({ path }) => path.startsWith('pg_tblspc/'))
  return [...before, ...links, ...behind].map(directory => ({
    kind: 'directory',
    sizeBytes: 0,
    modifiedMs,
    ...directory,
    ...owner,
  }))
}
