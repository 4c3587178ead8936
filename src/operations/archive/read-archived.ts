/** What lies in an archive, with the notes beside it that say until when it is kept. */
import { inParallel } from '../../base/in-parallel.ts'
import { limits } from '../../base/limits.ts'
import type { Archived } from '../../policy/archiving.ts'
import { folderOfCommit } from '../../repository/commit-record.ts'
import { readKeeps } from '../../repository/kept.ts'
import type { Repository } from '../../repository/repository.ts'

/** A backup or a dump of the archive. */
export interface ArchivedCommit {
  readonly id: string
  readonly endedAt: string
  /** Of backups: what it is based on. */
  readonly parent?: string | null | undefined
}

/** In the order given. */
export async function readArchived(
  archive: Repository,
  commits: readonly ArchivedCommit[],
  signal: AbortSignal,
): Promise<readonly Archived[]> {
  const archived = commits.map((): Archived | undefined => undefined)
  const readOne = async (index: number, stop: AbortSignal): Promise<void> => {
    const commit = commits[index]
    if (!commit) return
    const { id, endedAt, parent } = commit
    const keeps = await readKeeps(archive, folderOfCommit(archive.identity.cluster, id), stop)
    archived[index] = { id, endedMs: Date.parse(endedAt), parent: parent ?? undefined, keeps }
  }
  await inParallel([...commits.keys()], limits.copyParallel, readOne, signal)
  return archived.filter(one => one !== undefined)
}
