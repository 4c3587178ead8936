/**
 * A full base backup from the data directory at hand.
 *
 * The order is the promise: files, then pg_control, then the end of the backup on the server, then the label file and
 * the manifests, then the WAL in the repository, then `backup.json`. Only the last makes the backup exist.
 */
import { Fault, isFault } from '../../base/fault.ts'
import type { Log } from '../../base/log.ts'
import { toolName } from '../../base/version.ts'
import type { Encoding } from '../../pipeline/codec.ts'
import { judgeArchiver } from '../../postgres/archiver-health.ts'
import { beginBackup, type BackupEnd, type BackupSession } from '../../postgres/backup-session.ts'
import type { Server } from '../../postgres/connection.ts'
import { readControlFile, type ControlFile } from '../../postgres/control-file.ts'
import { controlFilePath } from '../../postgres/data-directory/exclusions.ts'
import { serverFacts } from '../../postgres/server-facts.ts'
import { commitBackup, keepAwaitingWal } from '../../repository/catalog.ts'
import type { BackupRecord } from '../../repository/format/backup-record.ts'
import { acquireLease, leaseOwner } from '../../repository/lease.ts'
import { backupFolder } from '../../repository/layout.ts'
import type { Repository } from '../../repository/repository.ts'
import type { WalStore } from '../../repository/wal-store.ts'
import type { StorageDescription } from '../../storage/open.ts'
import { segmentBefore, segmentName } from '../../wal/segment.ts'
import { copyOut, type CopyOutResult } from '../workers/copy-out/copy-out.ts'
import { openLastPack } from '../workers/copy-out/last-pack.ts'
import { judgeRecentPages } from '../workers/copy-out/report.ts'
import type { WorkerHost } from '../workers/crew.ts'
import type { FinishedPack } from '../workers/messages.ts'
import { awaitWal } from './await-wal.ts'
import { collectFiles, type FilesToCopy } from './files.ts'
import { freeBackupId, settleOldFolders } from './folders.ts'
import { storeManifests } from './manifests.ts'
import { buildRecord } from './record.ts'
import { checkSource, type BackupSource } from './source.ts'

export interface BackupDeps extends WorkerHost {
  readonly repository: Repository
  /** The same storage as the repository's, for the workers to open. */
  readonly storage: StorageDescription
  readonly encoding: Encoding
  readonly wal: Pick<WalStore, 'head'>
  readonly log: Log
  readonly connect: (signal: AbortSignal) => Promise<Server>
  /** To the primary, when `connect` leads to a standby and the primary is known. */
  readonly connectPrimary: ((signal: AbortSignal) => Promise<Server>) | undefined
}

export interface BackupRequest {
  readonly label: string
  /** A checkpoint at once, instead of one spread over time. */
  readonly fast: boolean
  readonly dataDirectory: string | undefined
  readonly workers: number
  readonly walStallMsMax: number
  readonly host: string
  /** What archive_command should be, for hints. */
  readonly archiveCommand: string
}

export async function backUp(
  deps: BackupDeps,
  request: BackupRequest,
  signal: AbortSignal,
): Promise<BackupRecord> {
  await using lease = await acquireLease(
    deps.repository,
    'backup',
    await leaseOwner('backup'),
    deps.world,
    signal,
  )
  const held = AbortSignal.any([signal, lease.lost])
  await settleOldFolders(deps, lease, held)
  await using server = await deps.connect(held)
  const facts = await serverFacts(server, held)
  const source = await checkSource(facts, deps.repository.identity, request)
  source.warnings.forEach(warning => {
    deps.progress.note(warning)
  })

  const copy = await copyEverything(deps, request, server, source, held)
  const record = await describe(deps, request, source, copy, held)
  await waitForWal(deps, request, server, record, held)
  await commitBackup(deps.repository, record, held)
  deps.log.info('backup.finished', {
    id: record.id,
    storedBytes: record.sizes.storedBytes,
    durationMs: record.durationMs,
  })
  return record
}

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

async function copyEverything(
  deps: BackupDeps,
  request: BackupRequest,
  server: Server,
  source: BackupSource,
  outer: AbortSignal,
): Promise<Copy> {
  const { world, repository, encoding, progress } = deps
  const { facts, dataDirectory } = source
  const startedMs = world.clock.now()
  const startedMonotonicMs = world.clock.monotonicMs()
  const id = await freeBackupId(repository, startedMs, outer)
  const keyPrefix = `${backupFolder(repository.identity.cluster, id)}/`
  deps.log.info('backup.started', { id })
  progress.phase('waiting for a checkpoint')
  await using session = await beginBackup(server, request, outer)
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
      storage: deps.storage,
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
    storage: repository.storage,
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

function made(
  path: string,
  mode: number,
  bytes: Uint8Array,
): { path: string; mode: number; sizeBytes: number; bytes: Uint8Array[] } {
  return { path, mode, sizeBytes: bytes.length, bytes: [bytes] }
}

/** A standby that changed to another timeline while it was copied needs WAL of both, which one range can not say. */
function stopSegment(
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

async function describe(
  deps: BackupDeps,
  request: BackupRequest,
  source: BackupSource,
  copy: Copy,
  signal: AbortSignal,
): Promise<BackupRecord> {
  const { repository, encoding, progress, world } = deps
  const { id, keyPrefix, files, packs, end } = copy
  progress.phase('writing the manifest')
  const manifests = await storeManifests(
    {
      storage: repository.storage,
      keyPrefix,
      encoding,
      id,
      directories: files.directories,
      packs,
      server: source.facts,
      walRange: { timeline: end.label.timeline, startLsn: copy.session.startLsn, endLsn: end.stopLsn },
    },
    signal,
  )
  return buildRecord({
    cluster: repository.identity.cluster,
    source,
    copy,
    manifests,
    encoding,
    label: request.label,
    host: request.host,
    tool: toolName,
    endedMs: world.clock.now(),
    durationMs: world.clock.monotonicMs() - copy.startedMonotonicMs,
  })
}

/** A copy whose WAL did not come in time is kept: it becomes a backup when the WAL has arrived after all. */
async function waitForWal(
  deps: BackupDeps,
  { walStallMsMax, archiveCommand }: BackupRequest,
  server: Server,
  record: BackupRecord,
  signal: AbortSignal,
): Promise<void> {
  const { world, progress, wal, repository } = deps
  progress.phase('waiting for WAL')
  const facts = async (): Promise<Awaited<ReturnType<typeof serverFacts>> | undefined> =>
    // The copy no longer depends on the connection: the server may even restart now.
    serverFacts(server, signal).catch(() => undefined)
  await switchWalOnPrimary(deps, record, signal)
  try {
    await awaitWal(
      {
        clock: world.clock,
        progress,
        stallMsMax: walStallMsMax,
        isStored: async (name, waiting) => (await wal.head(name, waiting)) !== undefined,
        lastArchived: async () => (await facts())?.archiver.lastArchivedWal,
        diagnose: async () => explain(await facts(), archiveCommand),
      },
      { first: record.startWal, last: record.stopWal, segmentSizeBytes: record.postgres.walSegmentSizeBytes },
      signal,
    )
  } catch (error) {
    if (!isFault(error, 'WAL_TIMEOUT')) throw error
    await keepAwaitingWal(repository, record, signal)
    throw new Fault('WAL_TIMEOUT', error.message, {
      hint: `${error.hint} The copy is kept as ${record.id}: the next \`holdfast backup\` makes it a backup once its WAL has arrived.`,
      cause: error,
    })
  }
}

/** On a standby nothing ends the segment that holds the end of the backup; on a quiet primary that may take for ever. */
async function switchWalOnPrimary(
  { connectPrimary, progress }: BackupDeps,
  record: BackupRecord,
  signal: AbortSignal,
): Promise<void> {
  if (!record.fromStandby) return
  if (!connectPrimary) {
    progress.note(
      `the primary has to finish segment ${record.stopWal}: on a quiet one, run SELECT pg_switch_wal() there, or set postgres.primary in the configuration`,
    )
    return
  }
  await using primary = await connectPrimary(signal)
  await primary.query('SELECT pg_switch_wal()', [], signal)
}

function explain(
  facts: Awaited<ReturnType<typeof serverFacts>> | undefined,
  archiveCommand: string,
): { readonly message: string; readonly hint: string } | undefined {
  if (!facts)
    return {
      message: 'the server can no longer be asked',
      hint: 'Start the server; it archives what is missing.',
    }
  const health = judgeArchiver(facts, archiveCommand)
  switch (health.verdict) {
    case 'healthy':
      return undefined
    case 'standby':
      return {
        message: health.note,
        hint: 'Look at archive_command on the primary, and run SELECT pg_switch_wal() there.',
      }
    default:
      return { message: health.message, hint: health.hint }
  }
}
