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
import type { BackupRecord } from '../../repository/format/backup-record.ts'
import type { ClusterIdentity } from '../../repository/repository.ts'
import type { WorkerHost } from '../workers/crew.ts'
import { commitEverywhere } from './commit.ts'
import { copyEverything, type Copy } from './copy.ts'
import { settleOldFolders } from './folders.ts'
import { storeManifests } from './manifests.ts'
import { withMembers, type BackupMember, type BackupMembers, type MemberBehind } from './members.ts'
import { buildRecord } from './record.ts'
import { checkSource, type BackupSource } from './source.ts'

export interface BackupDeps extends WorkerHost {
  /** Where it is written to; the first one leads. They have the same recipients, and the same cluster. */
  readonly members: readonly BackupMember[]
  readonly encoding: Encoding
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

export interface BackupOutcome {
  readonly record: BackupRecord
  /** The names of the repositories that have it. */
  readonly whole: readonly string[]
  readonly behind: readonly MemberBehind[]
}

export async function backUp(
  deps: BackupDeps,
  request: BackupRequest,
  signal: AbortSignal,
): Promise<BackupOutcome> {
  return withMembers(deps, signal, members => backUpTo(members, deps, request))
}

async function backUpTo(
  members: BackupMembers,
  deps: BackupDeps,
  request: BackupRequest,
): Promise<BackupOutcome> {
  const { held } = members
  await members.each((member, lease) => settleOldFolders({ ...deps, ...member }, lease, held))
  await using server = await deps.connect(held)
  const facts = await serverFacts(server, held)
  const source = await checkSource(facts, identityOf(members), request)
  source.warnings.forEach(warning => {
    deps.progress.note(warning)
  })

  const copy = await copyEverything(deps, members, request, server, source)
  const record = await describe(deps, members, request, source, copy)
  const { whole, behind } = await commitEverywhere({ ...deps, members }, request, server, record)
  deps.log.info('backup.finished', {
    id: record.id,
    storedBytes: record.sizes.storedBytes,
    durationMs: record.durationMs,
    repositories: whole.join(','),
  })
  return { record, whole, behind }
}

const identityOf = (members: BackupMembers): ClusterIdentity => members.leading().repository.identity

async function describe(
  { encoding, progress, world }: BackupDeps,
  members: BackupMembers,
  request: BackupRequest,
  source: BackupSource,
  copy: Copy,
): Promise<BackupRecord> {
  const { id, keyPrefix, files, packs, end } = copy
  progress.phase('writing the manifest')
  const manifests = await storeManifests(
    {
      storage: members.storage,
      keyPrefix,
      encoding,
      id,
      directories: files.directories,
      packs,
      server: source.facts,
      walRange: { timeline: end.label.timeline, startLsn: copy.session.startLsn, endLsn: end.stopLsn },
    },
    members.held,
  )
  return buildRecord({
    cluster: identityOf(members).cluster,
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
