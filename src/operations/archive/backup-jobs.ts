/** What of a base backup goes into the archive: what it is based on, and of each one its WAL, its packs and its manifests. */
import { indexCommitted } from '../../repository/catalog-index.ts'
import { assertComplete, readBackup } from '../../repository/catalog.ts'
import type { BackupSummary } from '../../repository/format/backup-summary.ts'
import { backupFolder, commitName } from '../../repository/layout.ts'
import type { ArchiveJob } from './archive-jobs.ts'
import type { Inside } from './copy-inside.ts'
import { lackingWal, walOf } from './needs.ts'

/** `chain`: the full backup first, the one that is wished for last. */
export function backupJobs(
  inside: Inside,
  chain: readonly BackupSummary[],
  signal: AbortSignal,
): Promise<readonly ArchiveJob[]> {
  return Promise.all(chain.map(member => jobFor(inside, member, signal)))
}

async function jobFor(
  { repository, archive }: Inside,
  { id }: BackupSummary,
  signal: AbortSignal,
): Promise<ArchiveJob> {
  const record = await readBackup(repository, id, signal)
  const { files, lacking } = await walOf(repository, record, signal)
  if (lacking.length > 0) throw lackingWal(id, lacking)
  const folder = backupFolder(record.cluster, id)
  const own = [...record.packs, record.manifest, record.backupManifest].map(
    ({ name, sizeBytes, sha256 }) => ({
      key: `${folder}/${name}`,
      sizeBytes,
      sha256,
    }),
  )
  return {
    id,
    folder,
    commitKey: `${folder}/${commitName}`,
    objects: [...files, ...own],
    assertComplete: stop => assertComplete(archive, record, stop),
    committed: stop => indexCommitted(archive, id, stop),
  }
}
