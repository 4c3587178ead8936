/** The copy itself: from the backup's begin on the server to its end, every file in a pack. */
import { Fault } from '../../base/fault.ts'
import { beginBackup, type BackupEnd, type BackupSession } from '../../postgres/backup-session.ts'
import type { Server } from '../../postgres/connection.ts'
import { readControlFile, type ControlFile } from '../../postgres/control-file.ts'
import { controlFilePath } from '../../postgres/data-directory/exclusions.ts'
import { backupFolder } from '../../repository/layout.ts'
import { segmentBefore, segmentName } from '../../wal/segment.ts'
import { copyOut, type CopyOutResult } from '../workers/copy-out/copy-out.ts'
import { openLastPack } from '../workers/copy-out/last-pack.ts'
import { judgeRecentPages } from '../workers/copy-out/report.ts'
import type { FinishedPack } from '../workers/messages.ts'
import type { BackupDeps, BackupRequest } from './backup.ts'
import { collectFiles, type FilesToCopy } from './files.ts'
import { freeBackupId } from './folders.ts'
import type { BackupMembers } from './members.ts'
import type { BackupSource } from './source.ts'

/** What is in the repository, or known, once the server's side of the backup has ended. */
export interface Copy {
  readonly id: string
  readonly keyPrefix: string
  readonly files: FilesToCopy
  readonly packs: readonly FinishedPack[]
  readonly report: CopyOutResult['report']
  readonly session: Pick<BackupSession, 'startLsn' | 'fromStandby'>
  readonly end: BackupEnd
  readonly stopWal: string
  readonly startedMs: number
  readonly startedMonotonicMs: number
}

/** Whatever goes wrong, the caller closes the connection to the server, which ends the backup there. */
export async function copyEverything(
  deps: BackupDeps,
  members: BackupMembers,
  request: BackupRequest,
  server: Server,
  source: BackupSource,
): Promise<Copy> {
  const { world, encoding, progress } = deps
  const outer = members.held
  const { facts, dataDirectory } = source
  const startedMs = world.clock.now()
  const startedMonotonicMs = world.clock.monotonicMs()
  const id = await freeBackupId(members, startedMs)
  const [leading] = members.whole()
  if (!leading) throw outer.reason
  const keyPrefix = `${backupFolder(leading.repository.identity.cluster, id)}/`
  deps.log.info('backup.started', { id })
  progress.phase('waiting for a checkpoint')
  const session = await beginBackup(server, request, outer)
  const signal = AbortSignal.any([outer, session.lost])

  progress.phase('looking at the data directory')
  const files = await collectFiles(world, dataDirectory, facts, signal)
  files.warnings.forEach(warning => {
    progress.note(warning)
  })
  const pages = facts.dataChecksums
    ? {
        blockSizeBytes: facts.blockSizeBytes,
        segmentBlocks: facts.relationSegmentBlocks,
        startLsn: session.startLsn,
      }
    : undefined
  const copied = await copyOut(
    deps,
    {
      dataDirectory,
      storage: leading.storage,
      mirror: members.mirror,
      keyPrefix,
      encoding,
      pages,
      queue: files.queue,
      entries: files.entries,
      workers: request.workers,
    },
    signal,
  )
  await using last = openLastPack(world, {
    dataDirectory,
    storage: members.storage,
    keyPrefix,
    encoding,
    owner: files.owner,
    number: Math.max(0, ...copied.packs.map(pack => pack.number)) + 1,
  })
  // The control file of a standby says how far replay must go to be consistent; so nothing is read after it.
  const { bytes, control } = await readControlFile(dataDirectory)
  progress.phase('ending the backup on the server')
  const end = await session.end(signal)
  await last.add(made(controlFilePath, files.fileMode, bytes), outer)
  await last.add(made('backup_label', files.fileMode, Buffer.from(end.labelFile)), outer)
  const packs = [...copied.packs, await last.finish()]
  const stopWal = stopSegment(source, session, end, control)
  return {
    id,
    keyPrefix,
    files,
    packs,
    report: judgeRecentPages(copied.report, end.stopLsn),
    session,
    end,
    stopWal,
    startedMs,
    startedMonotonicMs,
  }
}

export function made(
  path: string,
  mode: number,
  bytes: Uint8Array,
): { path: string; mode: number; sizeBytes: number; bytes: Uint8Array[] } {
  return { path, mode, sizeBytes: bytes.length, bytes: [bytes] }
}

/** A standby that changed to another timeline while it was copied needs WAL of both, which one range can not say. */
export function stopSegment(
  { facts }: BackupSource,
  session: Copy['session'],
  { label, stopLsn }: BackupEnd,
  control: ControlFile,
): string {
  const { timeline } = label
  if (session.fromStandby && control.minRecoveryTimeline !== timeline) {
    throw new Fault(
      'POSTGRES_REFUSED',
      `the standby went over from timeline ${String(timeline)} to ${String(control.minRecoveryTimeline)} while it was backed up`,
      { hint: 'Run the backup again; nothing of this one is kept.' },
    )
  }
  return segmentName(segmentBefore(timeline, stopLsn, facts.walSegmentSizeBytes), facts.walSegmentSizeBytes)
}
