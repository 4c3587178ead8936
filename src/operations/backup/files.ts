/** Turns the scan of a data directory into what the workers copy, and what the manifest says of directories. */
import { stat } from 'node:fs/promises'
import type { World } from '../../base/world.ts'
import type { TarEntry } from '../../pipeline/tar.ts'
import { scanDataDirectory } from '../../postgres/data-directory/scan.ts'
import type { ServerFacts } from '../../postgres/server-facts.ts'
import type { TablespaceRecord } from '../../repository/format/backup-record.ts'
import type { ManifestDirectory } from '../../repository/format/manifest.ts'
import type { FileOwner } from '../workers/messages.ts'
import { WorkQueueBuilder, type WorkQueue } from '../workers/work-queue.ts'

export interface FilesToCopy {
  readonly queue: WorkQueue
  readonly entries: readonly TarEntry[]
  readonly directories: readonly ManifestDirectory[]
  readonly tablespaces: readonly TablespaceRecord[]
  readonly warnings: readonly string[]
  /** Whom the data directory belongs to: made files get the same owner. */
  readonly owner: FileOwner
  /** For made files: 0600, or 0640 where the cluster allows its group to read. */
  readonly fileMode: number
}

export async function collectFiles(
  { clock }: World,
  dataDirectory: string,
  facts: ServerFacts,
  signal: AbortSignal,
): Promise<FilesToCopy> {
  const root = await stat(dataDirectory)
  const owner = { userId: root.uid, groupId: root.gid }
  const queue = new WorkQueueBuilder()
  const directories: ManifestDirectory[] = []
  const links = new Map<number, string>()
  const sizes = new Map<number, number>()
  const warnings: string[] = []
  for await (const item of scanDataDirectory({ ...facts, dataDirectory }, signal)) {
    switch (item.kind) {
      case 'directory':
        if (item.path !== '') directories.push({ path: item.path, mode: item.mode })
        break
      case 'files':
        item.names.forEach((name, i) => {
          queue.add(item.directory, name, item.sizes[i] ?? 0)
        })
        addSize(sizes, item.directory, item.sizes)
        break
      case 'tablespace':
        directories.push({ path: item.path, mode: root.mode & 0o7777 })
        links.set(item.oid, item.location)
        break
      case 'warning':
        warnings.push(item.message)
    }
  }
  const modifiedMs = clock.now()
  return {
    queue: queue.close(),
    entries: directories.map(({ path, mode }) => ({
      kind: 'directory',
      path,
      sizeBytes: 0,
      modifiedMs,
      mode,
      ...owner,
    })),
    directories,
    tablespaces: [...links].map(([oid, location]) => ({
      oid,
      name: facts.tablespaces.find(tablespace => tablespace.oid === oid)?.name ?? String(oid),
      location,
      sizeBytes: sizes.get(oid) ?? 0,
    })),
    warnings,
    owner,
    fileMode: root.mode & 0o040 ? 0o640 : 0o600,
  }
}

function addSize(sizes: Map<number, number>, directory: string, fileSizes: readonly number[]): void {
  const oid = /^pg_tblspc\/(\d+)\//.exec(directory)?.[1]
  if (oid === undefined) return
  const added = fileSizes.reduce((sum, size) => sum + size, 0)
  sizes.set(Number(oid), (sizes.get(Number(oid)) ?? 0) + added)
}
