/** What earlier backups left behind, settled before a new one begins; and a name for the new one. */
import { isFault } from '../../base/fault.ts'
import { formatBytes } from '../../base/units.ts'
import { listTheseFolders } from '../../repository/backup-folders.ts'
import { commitAwaiting, readCatalog } from '../../repository/catalog.ts'
import type { BackupRecord } from '../../repository/format/backup-record.ts'
import { backupIdOf } from '../../repository/layout.ts'
import type { Lease } from '../../repository/lease.ts'
import { sweep } from '../../repository/sweep.ts'
import { segmentsOf } from './await-wal.ts'
import type { BackupDeps } from './backup.ts'
import type { BackupMember, BackupMembers } from './members.ts'
import { openWalPresence } from './wal-presence.ts'

type FoldersDeps = Pick<BackupDeps, 'world' | 'progress' | 'log'> & Pick<BackupMember, 'repository'>

/** Copies whose WAL has arrived meanwhile become backups; folders that nobody will finish are removed. */
export async function settleOldFolders(deps: FoldersDeps, lease: Lease, signal: AbortSignal): Promise<void> {
  const { repository, world, progress, log } = deps
  const { awaiting } = await readCatalog(repository, signal)
  for (const record of awaiting) {
    if (!(await isWalComplete(deps, record, signal))) continue
    await commitAwaiting(repository, record.id, signal)
    progress.note(`${record.id}: its WAL has arrived; it is a backup now`)
    log.info('backup.committed-late', { id: record.id })
  }
  try {
    const { remove } = await sweep(repository, { lease, dryRun: false }, world, signal)
    for (const { folder, reason } of remove) {
      progress.note(`removed ${folder.id} (${formatBytes(folder.sizeBytes)}): ${reason}`)
      log.info('sweep.removed', { id: folder.id, sizeBytes: folder.sizeBytes, reason })
    }
  } catch (error) {
    // A host that may write and not delete can still back up; whoever may delete sweeps.
    if (!isFault(error, 'STORAGE_DENIED')) throw error
    progress.note(`unfinished backups were not swept: ${error.message}`)
  }
}

async function isWalComplete(
  { repository }: FoldersDeps,
  record: BackupRecord,
  signal: AbortSignal,
): Promise<boolean> {
  const span = {
    first: record.startWal,
    last: record.stopWal,
    segmentSizeBytes: record.postgres.walSegmentSizeBytes,
  }
  const wal = openWalPresence(repository)
  for (const name of segmentsOf(span)) if (!(await wal.has(name, signal))) return false
  return true
}

/** Ids count seconds; two backups that begin within one second (or a clock that went back) must not share a folder. */
export async function freeBackupId(
  members: Pick<BackupMembers, 'each' | 'held'>,
  startedMs: number,
  kind: 'full' | 'snapshot' = 'full',
): Promise<string> {
  for (let ms = startedMs; ; ms += 1000) {
    const id = backupIdOf(ms, kind)
    const takenIn = new Set<string>()
    await members.each(async ({ name, repository }) => {
      const [taken] = await Array.fromAsync(listTheseFolders(repository, [id], members.held))
      if (taken) takenIn.add(name)
    })
    if (takenIn.size === 0) return id
  }
}
