/** Brings a base backup or a snapshot back in scratch space: restores it, starts it, and follows the replay to the target. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isFault } from '../../base/fault.ts'
import type { Log } from '../../base/log.ts'
import { describeTrouble } from '../sources/trouble.ts'
import type { LocalServer } from '../../postgres/local-server/local-server.ts'
import { preloadedLibraries, librarySetting } from '../../postgres/local-server/preloaded-libraries.ts'
import type { RecoverySettings } from '../../postgres/recovery-settings.ts'
import { findServer } from '../../postgres/tools.ts'
import type { RestoreRequest, SnapshotProvider } from '../../snapshots/provider.ts'
import { formatLsn } from '../../wal/lsn.ts'
import { isoMicros } from '../../wal/time.ts'
import type { RestoreDeps, RestoreLayout } from '../restore/layout.ts'
import { restore, type RestoreReport } from '../restore/restore.ts'
import {
  startScratchServer,
  type ScratchServer,
  type ScratchServerRequest,
} from '../scratch/scratch-server.ts'
import type { SnapshotLayout } from '../snapshot/restore-layout.ts'
import { restoreSnapshot } from '../snapshot/restore-snapshot.ts'
import type { BringUpDeps, BringUpPlace } from './bring-up.ts'
import { connectAsSuperuser, type RestoredCluster } from './restored-cluster.ts'

/** A restore that was laid out, and nothing of it done yet. */
export interface LaidOutBackup {
  readonly kind: 'backup'
  readonly deps: RestoreDeps
  readonly layout: RestoreLayout
  readonly recovery: (lost: readonly string[]) => RecoverySettings
  readonly snapshot: { readonly provider: SnapshotProvider; readonly layout: SnapshotLayout } | undefined
  /**
   * Who asked to be forgotten is forgotten here, too: after replay, before anybody else may connect. Returns what is worth a note;
   * undefined: nobody did.
   */
  readonly forget: ((server: LocalServer, signal: AbortSignal) => Promise<readonly string[]>) | undefined
}

export interface BroughtBack {
  readonly cluster: RestoredCluster
  /** What was fetched; undefined where nothing tells. */
  readonly storedBytes: number | undefined
}

export async function restoreBackup(
  deps: BringUpDeps,
  source: LaidOutBackup,
  place: BringUpPlace,
  signal: AbortSignal,
): Promise<BroughtBack> {
  const { layout } = source
  const { record, plan } = layout
  deps.phases.begin('restore')
  const report = await carryOut(deps, source, place, signal)
  deps.phases.count(report.bytes)
  deps.phases.begin('replay')
  deps.phases.count(plan.wal.rawBytes)
  deps.progress.phase('replaying WAL', plan.wal.rawBytes)
  const request = {
    dataDirectory: layout.directory,
    runDirectory: join(place.scratch, 'run'),
    major: Math.floor(record.postgres.versionNumber / 10_000),
    programs: place.programs,
    settings: place.settings,
    environment: place.environment,
    user: place.user,
    database: place.database,
    walSegmentSizeBytes: record.postgres.walSegmentSizeBytes,
    stop: plan.stop,
  }
  const { started, without } = await startWithoutMissing(deps, request, signal)
  const { server, outcome, connectionString } = started
  try {
    await using first = await connectAsSuperuser(connectionString, place, signal)
    const { session, target } = first
    const [row] = await session.query<{ xid: string }>(
      'SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text AS xid',
      [],
      signal,
    )
    const cluster: RestoredCluster = {
      server,
      dataDirectory: layout.directory,
      target,
      superuser: session.user,
      major: session.major,
      version: session.version,
      reached: {
        time: outcome.time === undefined ? null : isoMicros(outcome.time),
        lsn: outcome.lsn === undefined ? null : formatLsn(outcome.lsn),
        timeline: outcome.timeline ?? null,
      },
      nextXid: BigInt(row?.xid ?? 0),
      notes: [
        ...report.passedOver.map(describeTrouble),
        ...(report.places ?? []),
        ...without.map(name => `the library ${name} is not on this host: the server was started without it`),
      ],
    }
    return { cluster, storedBytes: report.bytesFetched === 0 ? undefined : report.bytesFetched }
  } catch (error) {
    await server.stop()
    throw error
  }
}

async function carryOut(
  { world, progress, log }: BringUpDeps & { readonly log: Log },
  { deps, layout, recovery, snapshot }: LaidOutBackup,
  { workers, willMake }: BringUpPlace,
  signal: AbortSignal,
): Promise<RestoreReport> {
  if (!snapshot) return restore({ ...deps, log }, { layout, recovery, workers }, signal)
  const { provider } = snapshot
  const { copies, troubles } = deps
  const snapshotDeps = {
    world,
    progress,
    log,
    provider,
    copies,
    troubles,
    willMake: (request: RestoreRequest) => willMake({ provider: provider.name, request }),
  }
  try {
    return await restoreSnapshot(snapshotDeps, { layout: snapshot.layout, recovery }, signal)
  } finally {
    await provider.close()
  }
}

/**
 * As the original was started, with its libraries: some data can not be read without them. One that is not installed here is left
 * out, and told; it is known by the server's own words.
 */
async function startWithoutMissing(
  deps: BringUpDeps,
  request: ScratchServerRequest,
  signal: AbortSignal,
): Promise<{ readonly started: ScratchServer; readonly without: readonly string[] }> {
  const without: string[] = []
  let settings = request.settings
  for (;;) {
    try {
      return { started: await startScratchServer(deps, { ...request, settings }, signal), without }
    } catch (error) {
      const missing = isFault(error, 'SERVER_START') ? missingLibrary(error.message) : undefined
      if (missing === undefined || without.includes(missing)) throw error
      const programs = await findServer(request.major, request.programs, signal)
      const wanted = await preloadedLibraries(programs, request, signal)
      if (!wanted.includes(missing)) throw error
      without.push(missing)
      const left = wanted.filter(name => !without.includes(name))
      settings = { ...request.settings, shared_preload_libraries: librarySetting(left) }
      // The next server begins a log of its own: what stands in this one is why the last did not start.
      await rm(join(request.runDirectory, 'server.log'), { force: true })
    }
  }
}

/** As it stands in the setting. */
export function missingLibrary(message: string): string | undefined {
  return /could not (?:access file|load library) "([^"]+)": .*No such file or directory/.exec(message)?.[1]
}
