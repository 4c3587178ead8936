/**
 * A full base backup from the data directory at hand.
 *
 * The order is the promise: files, then pg_control, then the end of the backup on the server, then the label file and
 * the manifests, then the WAL in the repository, then `backup.json`. Only the last makes the backup exist.
 */
import type { Log } from '../../base/log.ts'
import { toolName } from '../../base/version.ts'
import type { Encoding } from '../../pipeline/codec.ts'
import type { Server } from '../../postgres/connection.ts'
import { serverFacts } from '../../postgres/server-facts.ts'
import { commitBackup } from '../../repository/catalog.ts'
import type { BackupRecord } from '../../repository/format/backup-record.ts'
import { acquireLease, leaseOwner } from '../../repository/lease.ts'
import type { Repository } from '../../repository/repository.ts'
import type { WalStore } from '../../repository/wal-store.ts'
import type { StorageDescription } from '../../storage/open.ts'
import type { WorkerHost } from '../workers/crew.ts'
import { copyEverything, type Copy } from './copy.ts'
import { settleOldFolders } from './folders.ts'
import { storeManifests } from './manifests.ts'
import { buildRecord } from './record.ts'
import { checkSource, type BackupSource } from './source.ts'
import { waitForWal } from './wait-for-wal.ts'

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
