/** What can be archived: base backups, and dumps; each as the plan and the copying want to see it. */
import type { ArchiveCandidate } from '../../policy/archiving.ts'
import { readCatalog } from '../../repository/catalog.ts'
import { assertDumpComplete, objectsOfDump, readDump, readDumps } from '../../repository/dump-catalog.ts'
import { indexDumpCommitted } from '../../repository/dump-index.ts'
import type { BackupSummary } from '../../repository/format/backup-summary.ts'
import { dumpCommitName, dumpFolder } from '../../repository/layout.ts'
import type { Repository } from '../../repository/repository.ts'
import type { ArchiveJob } from './archive-jobs.ts'
import { backupJobs } from './backup-jobs.ts'
import type { Inside } from './copy-inside.ts'
import { chainIn, walOf } from './needs.ts'

export interface OpenShelf {
  readonly candidates: readonly ArchiveCandidate[]
  /** What it lacks, as a clause without a subject. Asked only of what is chosen: it takes requests. */
  lackOf(id: string, signal: AbortSignal): Promise<string | undefined>
  /** What it is based on first, itself last. */
  jobs(inside: Inside, id: string, signal: AbortSignal): Promise<readonly ArchiveJob[]>
}

export async function openBackups(repository: Repository, signal: AbortSignal): Promise<OpenShelf> {
  const { backups } = await readCatalog(repository, signal)
  const chainOf = (id: string): readonly BackupSummary[] => {
    const backup = backups.find(one => one.id === id)
    return (backup && chainIn(backup, backups)) ?? []
  }
  return {
    candidates: backups.map(backup => ({
      id: backup.id,
      endedMs: Date.parse(backup.endedAt),
      obstacle: obstacleOf(backup, backups),
    })),
    async lackOf(id, stop) {
      for (const member of chainOf(id)) {
        const [segment] = (await walOf(repository, member, stop)).lacking
        if (segment !== undefined) return `needs WAL segment ${segment}, which is not in the repository`
      }
      return undefined
    },
    jobs: (inside, id, stop) => backupJobs(inside, chainOf(id), stop),
  }
}

function obstacleOf(backup: BackupSummary, backups: readonly BackupSummary[]): string | undefined {
  if (backup.kind === 'snapshot') return 'is a snapshot: its files lie in volumes, not in the repository'
  const chain = chainIn(backup, backups)
  if (!chain) return 'is based on a backup that is missing'
  if (chain.some(({ kind }) => kind === 'snapshot')) return 'is based on a snapshot of volumes'
  const damaged = chain.find(({ checks }) => checks.pagesCorrupt > 0)
  if (!damaged) return undefined
  return damaged === backup ? 'holds damaged pages' : `holds damaged pages of ${damaged.id}`
}

export async function openDumps(repository: Repository, signal: AbortSignal): Promise<OpenShelf> {
  const { dumps } = await readDumps(repository, signal)
  return {
    candidates: dumps.map(({ id, endedAt }) => ({ id, endedMs: Date.parse(endedAt), obstacle: undefined })),
    lackOf: () => Promise.resolve(undefined),
    jobs: async (inside, id, stop) => [await dumpJob(inside, id, stop)],
  }
}

async function dumpJob(
  { repository, archive }: Inside,
  id: string,
  signal: AbortSignal,
): Promise<ArchiveJob> {
  const record = await readDump(repository, id, signal)
  const folder = dumpFolder(record.cluster, id)
  return {
    id,
    folder,
    commitKey: `${folder}/${dumpCommitName}`,
    objects: objectsOfDump(record).map(({ name, sizeBytes, sha256 }) => ({
      key: `${folder}/${name}`,
      sizeBytes,
      sha256,
    })),
    assertComplete: stop => assertDumpComplete(archive, record, stop),
    committed: stop => indexDumpCommitted(archive, id, stop),
  }
}
