/**
 * Starts the restored server and follows its recovery to the target; then compares where it stopped with where the plan
 * said it would, so that it can not stop short in silence.
 */
import { access, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { Fault, isFault } from '../../base/fault.ts'
import type { Progress } from '../../base/progress.ts'
import type { World } from '../../base/world.ts'
import type { StoppingPoint } from '../../policy/restore-plan.ts'
import { followRecovery, type RecoveryOutcome } from '../../postgres/local-server/follow-recovery.ts'
import {
  startLocalServer,
  type LocalServer,
  type LocalServerOptions,
} from '../../postgres/local-server/local-server.ts'
import { openToAll } from '../../postgres/closed-server.ts'
import type { Environment } from '../../postgres/connection-string.ts'
import { findServer, type ToolPlaces } from '../../postgres/tools.ts'
import { formatLsn } from '../../wal/lsn.ts'
import { formatMicros } from '../../wal/time.ts'
import type { RestoreLayout } from './layout.ts'

export interface StartDeps {
  readonly world: World
  readonly progress: Progress
  readonly environment: Environment
  readonly places: ToolPlaces
}

export interface StartRequest {
  readonly layout: RestoreLayout
  readonly standby: boolean
  /** The server stays in recovery at its target, and answers reads. */
  readonly pauses: boolean
  /** Done when it has been promoted and only we can connect; the server is stopped, and stays closed, when it fails. */
  readonly beforeOpening?: ((server: LocalServer, signal: AbortSignal) => Promise<void>) | undefined
}

export interface StartedServer extends RecoveryOutcome {
  /** Undefined when it shut down at its target. */
  readonly pid: number | undefined
  readonly connectionString: string | undefined
  readonly logFile: string
  /** The place that its configuration names was in use, so it is reachable only at `connectionString`. */
  readonly isPrivate: boolean
  /** It did not get as far as to be opened: only the owner of its files can connect, until `holdfast erase apply`. */
  readonly isClosed: boolean
}

/** The server goes on when this returns. SERVER_START when it fails, or stops before the point that was planned. */
export async function startRestored(
  deps: StartDeps,
  request: StartRequest,
  signal: AbortSignal,
): Promise<StartedServer> {
  const { layout, standby, pauses } = request
  const major = Math.floor(layout.record.postgres.versionNumber / 10_000)
  const options = {
    dataDirectory: layout.directory,
    programs: await findServer(major, deps.places, signal),
    runDirectory: await runDirectoryFor(layout.directory),
    hotStandby: standby || pauses,
    environment: deps.environment,
  }
  deps.progress.phase('replaying WAL', layout.plan.wal.rawBytes)
  const replayed = request.beforeOpening
    ? await replayClosed(deps, request, request.beforeOpening, options, signal)
    : undefined
  if (replayed && replayed.state !== 'promoted') return replayed
  if (replayed) deps.progress.phase('opening the server')
  const started = await startOpen(deps, request, options, signal)
  // What the second start says of recovery is nothing: it was over.
  return replayed
    ? { ...started, lsn: replayed.lsn, time: replayed.time, timeline: replayed.timeline, stop: replayed.stop }
    : started
}

type CommonOptions = Omit<LocalServerOptions, 'reach'>

/** Reachable by us alone from its first moment on. */
async function replayClosed(
  deps: StartDeps,
  request: StartRequest,
  work: NonNullable<StartRequest['beforeOpening']>,
  options: CommonOptions,
  signal: AbortSignal,
): Promise<StartedServer> {
  const finish = async (server: LocalServer, outcome: RecoveryOutcome): Promise<boolean> => {
    if (outcome.state !== 'promoted') return outcome.state !== 'shut down'
    await work(server, signal)
    await server.stop()
    await openToAll(options.dataDirectory)
    return false
  }
  const alone = { ...options, archives: true, reach: 'private' } as const
  const started = await run(deps, request, alone, { finish, signal })
  return { ...started, isClosed: true }
}

async function startOpen(
  deps: StartDeps,
  request: StartRequest,
  options: CommonOptions,
  signal: AbortSignal,
): Promise<StartedServer> {
  const finish = (_: LocalServer, { state }: RecoveryOutcome): Promise<boolean> =>
    Promise.resolve(state !== 'shut down')
  if (!(await hasConfiguration(options.dataDirectory))) {
    deps.progress.note(
      'the original keeps postgresql.conf outside of its data directory, so it is not in the backup; this server gets a private socket',
    )
    return run(deps, request, { ...options, reach: 'private' }, { finish, signal })
  }
  try {
    return await run(deps, request, { ...options, reach: 'configured' }, { finish, signal })
  } catch (error) {
    if (!isFault(error, 'SERVER_START') || !isPlaceTaken(error.message)) throw error
    deps.progress.note(
      'the port or socket of its configuration is in use by another server; this one gets a private socket',
    )
    return await run(deps, request, { ...options, reach: 'private' }, { finish, signal })
  }
}

/**
 * Debian keeps postgresql.conf in /etc. With defaults in its place the server would come up at port 5432 of this host, where
 * applications could take it for the real one.
 */
async function hasConfiguration(directory: string): Promise<boolean> {
  return access(join(directory, 'postgresql.conf')).then(
    () => true,
    () => false,
  )
}

interface Ending {
  /** Whether the server goes on when we are done with it. */
  readonly finish: (server: LocalServer, outcome: RecoveryOutcome) => Promise<boolean>
  readonly signal: AbortSignal
}

async function run(
  { world, progress }: StartDeps,
  { layout, standby }: StartRequest,
  options: LocalServerOptions,
  { finish, signal }: Ending,
): Promise<StartedServer> {
  await using server = await startLocalServer(options, world, signal)
  let filesTold = 0
  const replayed = (files: number): void => {
    progress.advance((files - filesTold) * layout.record.postgres.walSegmentSizeBytes)
    filesTold = files
  }
  const outcome = await followRecovery(
    server,
    {
      standby,
      onProgress: ({ restoredFiles }) => {
        replayed(restoredFiles)
      },
    },
    world,
    signal,
  )
  if (!standby) assertReached(outcome, layout.plan.stop, server)
  const goesOn = await finish(server, outcome)
  const connectionString = goesOn ? await server.connectionString() : undefined
  if (goesOn) server.release()
  return {
    ...outcome,
    pid: goesOn ? server.pid : undefined,
    connectionString,
    logFile: server.logFile,
    isPrivate: options.reach === 'private',
    isClosed: false,
  }
}

/** What the postmaster says when another one has its port, its socket, or its address. */
function isPlaceTaken(message: string): boolean {
  return /lock file ".*\.s\.PGSQL\.\d+\.lock" already exists|could not (create any (TCP\/IP|Unix-domain) sockets|bind)|Address already in use/i.test(
    message,
  )
}

/** Between two records there may be the header of a page. */
const recordGapBytes = 64n

/** A server that was promoted before the planned point has lost what lies between: it must not be taken for the restored one. */
export function assertReached(outcome: RecoveryOutcome, stop: StoppingPoint, { logFile }: LocalServer): void {
  const { lsn } = outcome
  if (lsn === undefined || lsn + recordGapBytes >= stop.lsn) return
  throw new Fault(
    'SERVER_START',
    `recovery stopped at ${formatLsn(lsn)}, before the planned ${formatLsn(stop.lsn)}`,
    {
      hint: `The server was stopped. Look at its log, ${logFile}, and run holdfast verify: WAL that was there when the plan was made is gone or damaged.`,
    },
  )
}

/** Beside the data directory, not in it; in the temporary folder where the path of a socket would be too long. */
export async function runDirectoryFor(directory: string): Promise<string> {
  const beside = join(dirname(directory), `${basename(directory)}.holdfast`)
  if (Buffer.byteLength(beside) < 80) {
    await rm(join(beside, 'server.log'), { force: true })
    return beside
  }
  return mkdtemp(join(tmpdir(), 'holdfast-'))
}

/** For people: where recovery stopped. */
export function describeOutcome({ state, lsn, time, timeline }: RecoveryOutcome): string {
  const at = lsn === undefined ? '' : ` at ${formatLsn(lsn)}`
  const last = time === undefined ? '' : `, last transaction at ${formatMicros(time)}`
  return `${state}${at}${last}${timeline === undefined ? '' : `, on timeline ${String(timeline)}`}`
}
