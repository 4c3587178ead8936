/**
 * A base backup by snapshots of the volumes: the server's bracket around them, the label files into the repository, the WAL
 * waited for, and `backup.json` last. What was taken is removed again when it does not become a backup.
 */
import { stat } from 'node:fs/promises'
import { isFault, messageOf } from '../../base/fault.ts'
import { toolName } from '../../base/version.ts'
import { beginBackup, type BackupSession } from '../../postgres/backup-session.ts'
import type { Server, SqlRow } from '../../postgres/connection.ts'
import { serverFacts } from '../../postgres/server-facts.ts'
import { folderStates } from '../../repository/folder-states.ts'
import type { BackupRecord, TablespaceRecord } from '../../repository/format/backup-record.ts'
import type { SnapshotRecord } from '../../repository/format/snapshot-part.ts'
import { backupFolder } from '../../repository/layout.ts'
import type {
  FoundSnapshot,
  SnapshotOwner,
  SnapshotProvider,
  TakenSnapshot,
  Volume,
} from '../../snapshots/provider.ts'
import type { BackupDeps, BackupOutcome, BackupRequest } from '../backup/backup.ts'
import { commitEverywhere } from '../backup/commit.ts'
import { made, stopSegment } from '../backup/copy.ts'
import { freeBackupId, settleOldFolders } from '../backup/folders.ts'
import { storeManifests } from '../backup/manifests.ts'
import { withMembers, type BackupMembers } from '../backup/members.ts'
import { buildRecord } from '../backup/record.ts'
import { checkSource, type BackupSource } from '../backup/source.ts'
import { openLastPack } from '../workers/copy-out/last-pack.ts'
import type { FinishedPack } from '../workers/messages.ts'
import { claimOf, findOrphans, removeOrphans, type Witness } from './orphans.ts'
import { copyToRegions, recordOf, removeTaken, takeInBracket, whenReady, type Taken } from './take.ts'
import { treesOf } from './trees.ts'

export interface SnapshotDeps extends Omit<BackupDeps, 'worker'> {
  readonly provider: SnapshotProvider
  /** Repositories of the configuration that are not written now: they may know of snapshots that look like leftovers. */
  readonly otherWitnesses: readonly Witness[]
}

export interface SnapshotRequest extends Omit<BackupRequest, 'workers'> {
  readonly timeLimitMs: number
}

export async function takeSnapshot(
  deps: SnapshotDeps,
  request: SnapshotRequest,
  signal: AbortSignal,
): Promise<BackupOutcome> {
  return withMembers(deps, signal, members => snapshotTo(members, deps, request))
}

async function snapshotTo(
  members: BackupMembers,
  deps: SnapshotDeps,
  request: SnapshotRequest,
): Promise<BackupOutcome> {
  const { world, progress, log, provider } = deps
  const { held } = members
  await members.each((member, lease) => settleOldFolders({ ...deps, ...member }, lease, held))
  await using server = await deps.connect(held)
  const facts = await serverFacts(server, held)
  const leading = members.leading().repository
  const { identity } = leading
  const source = await checkSource(facts, identity, request)
  for (const warning of source.warnings) progress.note(warning)
  const volumes = await provider.volumesOf(await treesOf(source.dataDirectory), held)
  const { cluster, systemIdentifier } = identity
  const owner = { cluster, systemIdentifier, repository: claimOf(leading) }
  await removeLeftovers(deps, members, owner, volumes)
  const sizes = await clusterSizes(server, source, deps, held)

  const started = { ms: world.clock.now(), monotonicMs: world.clock.monotonicMs() }
  const id = await freeBackupId(members, started.ms, 'snapshot')
  log.info('snapshot.started', { id, provider: provider.name, volumes: volumes.length })
  progress.phase('waiting for a checkpoint')
  await using session = await beginBackup(server, request, held)
  progress.phase(`taking ${counted(volumes.length)}`)
  const taken = await takeInBracket(
    provider,
    session,
    { ...owner, id, volumes, dataDirectory: source.dataDirectory },
    AbortSignal.any([held, session.lost]),
  )
  try {
    const made = { id, owner, volumes, taken, session, started, sizes }
    const record = await describe(deps, members, request, source, made)
    const { whole, behind } = await commitEverywhere({ ...deps, members }, request, server, record)
    const { durationMs } = record
    log.info('snapshot.finished', { id, durationMs, repositories: whole.join(',') })
    return { record, whole, behind }
  } catch (error) {
    await removeUnlessKept(deps, members, id, taken.snapshots)
    throw error
  }
}

const counted = (count: number): string => (count === 1 ? 'a snapshot' : `${String(count)} snapshots`)

interface Made {
  readonly id: string
  readonly owner: SnapshotOwner
  readonly volumes: readonly Volume[]
  readonly taken: Taken
  readonly session: BackupSession
  readonly started: { readonly ms: number; readonly monotonicMs: number }
  readonly sizes: ClusterSizes
}

/** Everything that the record names is in its place when this returns, but for the WAL. */
async function describe(
  deps: SnapshotDeps,
  members: BackupMembers,
  request: SnapshotRequest,
  source: BackupSource,
  made: Made,
): Promise<BackupRecord> {
  const { world, progress, encoding } = deps
  const { id, owner, taken, session, started, sizes } = made
  const stopWal = stopSegment(source, session, taken.end, taken.control)
  progress.phase('waiting until the snapshots are safe')
  const snapshot = await recordSnapshots({ ...deps, timeLimitMs: request.timeLimitMs }, made, members.held)
  progress.phase('storing the label files')
  const stored = await storeLabels(deps, members, source, made)
  const described = buildRecord({
    cluster: owner.cluster,
    source,
    copy: {
      id,
      files: { tablespaces: sizes.tablespaces, warnings: [] },
      packs: [stored.pack],
      report: emptyReport,
      session,
      end: taken.end,
      stopWal,
      startedMs: started.ms,
    },
    manifests: stored.manifests,
    encoding,
    label: request.label,
    host: request.host,
    tool: toolName,
    endedMs: world.clock.now(),
    durationMs: world.clock.monotonicMs() - started.monotonicMs,
  })
  const { sizes: storedSizes, ...rest } = described
  return { ...rest, kind: 'snapshot', sizes: { ...storedSizes, rawBytes: sizes.totalBytes }, snapshot }
}

async function recordSnapshots(
  deps: SnapshotDeps & { readonly timeLimitMs: number },
  { id, owner, volumes, taken }: Made,
  signal: AbortSignal,
): Promise<SnapshotRecord> {
  await whenReady(deps, taken.snapshots, signal)
  const records = volumes.map(async (volume, i) => {
    const one = taken.snapshots[i]
    if (!one) throw new Error('assertion failed: every volume has a snapshot')
    return recordOf(volume, one, await copyToRegions(deps, owner, id, one, signal))
  })
  return { provider: deps.provider.name, volumes: await Promise.all(records) }
}

interface StoredLabels {
  readonly pack: FinishedPack
  readonly manifests: Awaited<ReturnType<typeof storeManifests>>
}

async function storeLabels(
  { world, encoding }: SnapshotDeps,
  members: BackupMembers,
  { facts, dataDirectory }: BackupSource,
  { id, owner, taken: { end }, session }: Made,
): Promise<StoredLabels> {
  const { storage, held } = members
  const keyPrefix = `${backupFolder(owner.cluster, id)}/`
  const { uid, gid, mode } = await stat(dataDirectory)
  const fileMode = mode & 0o040 ? 0o640 : 0o600
  await using pack = openLastPack(world, {
    dataDirectory,
    storage,
    keyPrefix,
    encoding,
    owner: { userId: uid, groupId: gid },
    number: 1,
  })
  await pack.add(made('backup_label', fileMode, Buffer.from(end.labelFile)), held)
  const map = Buffer.from(end.tablespaceMapFile)
  if (map.length > 0) await pack.add(made('tablespace_map', fileMode, map), held)
  const finished = await pack.finish()
  const walRange = { timeline: end.label.timeline, startLsn: session.startLsn, endLsn: end.stopLsn }
  const request = {
    storage,
    keyPrefix,
    encoding,
    id,
    directories: [],
    packs: [finished],
    server: facts,
    walRange,
  }
  return { pack: finished, manifests: await storeManifests(request, held) }
}

const emptyReport = { pagesChecked: 0, pagesTorn: 0, pagesCorrupt: 0, corrupt: [] }

interface ClusterSizes {
  readonly totalBytes: number
  readonly tablespaces: readonly TablespaceRecord[]
}

/** For people, and for the room that a copy takes. A role that may not see the sizes gets none. */
async function clusterSizes(
  server: Server,
  { facts: { tablespaces } }: BackupSource,
  { progress }: SnapshotDeps,
  signal: AbortSignal,
): Promise<ClusterSizes> {
  const rows = await server
    .query<SqlRow & { oid: number; bytes: string }>(sizesSql, [], signal)
    .catch((error: unknown) => {
      signal.throwIfAborted()
      progress.note(`the size of the cluster is not known: ${messageOf(error)}`)
      return []
    })
  const sizes = new Map(rows.map(({ oid, bytes }) => [oid, Number(bytes)]))
  return {
    totalBytes: [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0),
    tablespaces: tablespaces
      .filter(({ location }) => location !== '')
      .map(({ oid, name, location }) => ({ oid, name, location, sizeBytes: sizes.get(oid) ?? 0 })),
  }
}

const sizesSql = 'SELECT oid, coalesce(pg_tablespace_size(oid), 0)::text AS bytes FROM pg_tablespace'

/** What earlier runs left behind goes first: it holds on to space. */
async function removeLeftovers(
  deps: SnapshotDeps,
  members: BackupMembers,
  owner: SnapshotOwner,
  volumes: readonly Volume[],
): Promise<void> {
  const { provider, progress, log, world, otherWitnesses } = deps
  const own = members.whole().map(({ name, repository }) => ({
    name,
    open: () => Promise.resolve(repository),
    isOurs: true,
  }))
  const mountPaths = volumes.map(({ mountPath }) => mountPath)
  const witnesses = [...own, ...otherWitnesses.filter(({ name }) => !own.some(one => one.name === name))]
  const found = await provider.list(owner, mountPaths, members.held)
  const { orphans, keptBecause } = await findOrphans({ world, witnesses }, found, members.held)
  if (keptBecause !== undefined)
    for (const { reference } of orphans)
      progress.note(`${reference} belongs to no backup, and is kept: ${keptBecause}`)
  const removable = keptBecause === undefined ? orphans : []
  const remove = ({ volume, reference }: FoundSnapshot, stop: AbortSignal): Promise<void> =>
    provider.remove({ volume, reference, details: {} }, stop)
  for (const { snapshot, failure } of await removeOrphans(removable, remove, members.held)) {
    const { id, volume, reference } = snapshot
    progress.note(
      failure === undefined
        ? `removed ${reference}: the snapshot ${id} of ${volume} belongs to no backup`
        : `${reference} (${id}) belongs to no backup, and could not be removed: ${failure}`,
    )
    if (failure === undefined) log.info('snapshot.orphan-removed', { id, volume, reference })
  }
}

/**
 * A backup that waits for its WAL keeps its snapshots, and so does one that may have been committed after all. Where nobody
 * can tell, the next run can.
 */
async function removeUnlessKept(
  { provider, progress }: SnapshotDeps,
  members: BackupMembers,
  id: string,
  snapshots: readonly TakenSnapshot[],
): Promise<void> {
  const { signal } = new AbortController()
  try {
    for (const { repository } of members.all()) {
      const [folder] = await folderStates(repository, [id], signal)
      if (folder !== undefined && folder.state !== 'incomplete') return
    }
    await removeTaken(provider, snapshots)
  } catch (error) {
    if (!isFault(error)) throw error
    progress.note(
      `snapshots of ${id} are left, and the next \`holdfast snapshot\` removes them: ${error.message}`,
    )
  }
}
