/** Some small files of a backup, in a folder of their own: fetched by range, checked as a restore checks them. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { silentProgress, type Progress } from '../../base/progress.ts'
import type { ManifestDirectory, ManifestFile } from '../../repository/format/manifest.ts'
import type { RestoreDeps } from '../restore/layout.ts'
import { readManifestFiles } from '../sources/manifest.ts'
import { copiesToRead } from '../sources/source.ts'
import { copyIn } from '../workers/copy-in/copy-in.ts'

export interface FetchRequest {
  readonly directory: string
  readonly directories: readonly ManifestDirectory[]
  readonly select: (file: ManifestFile) => boolean
}

/** Returns the files that were fetched. Tablespaces become plain folders. */
export async function fetchFiles(
  deps: RestoreDeps,
  { directory, directories, select }: FetchRequest,
  signal: AbortSignal,
): Promise<readonly ManifestFile[]> {
  const { copies, troubles } = deps
  const [first] = copies
  if (!first) throw new Error('assertion failed: a backup lies somewhere')
  for (const { path } of directories) {
    const [parent, oid] = path.split('/')
    if (parent === 'pg_tblspc' && oid !== undefined)
      await mkdir(join(directory, parent, oid), { recursive: true, mode: 0o700 })
  }
  const found: ManifestFile[] = []
  const wanted = async function* (): AsyncIterable<readonly ManifestFile[]> {
    for await (const group of readManifestFiles(copies, troubles, signal)) {
      const chosen = group.filter(select)
      found.push(...chosen)
      if (chosen.length > 0) yield chosen
    }
  }
  // A phase of whoever reads the catalogues: the steps of a restore would only confuse.
  const progress: Progress = {
    ...silentProgress,
    note: text => {
      deps.progress.note(text)
    },
  }
  await copyIn(
    { ...deps, progress },
    {
      backup: first.record.id,
      copies: copiesToRead(copies),
      onTrouble: trouble => {
        troubles.add(trouble)
      },
      directories,
      files: wanted(),
      targetDirectory: directory,
      synced: [],
      owner: undefined,
      delta: false,
      workers: 1,
      here: copies.map(({ source }) => source.repository.storage),
    },
    signal,
  )
  return found
}
