/** Waits until a server has recovered: promoted, paused at its target, shut down there, or following as a standby. */
import { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import { formatDuration } from '../../base/units.ts'
import type { World } from '../../base/world.ts'
import { parseLsn, type Lsn } from '../../wal/lsn.ts'
import type { Micros } from '../../wal/time.ts'
import { connect, type SqlRow } from '../connection.ts'
import { readControlFile } from '../control-file.ts'
import type { LocalServer } from './local-server.ts'
import type { RecoveryLog } from './recovery-log.ts'
import { startFault } from './start-faults.ts'

export interface RecoveryOutcome {
  readonly state: 'promoted' | 'paused' | 'shut down' | 'following'
  /** The end of the last record replayed; from the log alone it may be the start of it. */
  readonly lsn: Lsn | undefined
  /** Of the last transaction replayed; undefined when there was none since the backup's start. */
  readonly time: Micros | undefined
  /** The timeline that the server is on now. */
  readonly timeline: number | undefined
  /** PostgreSQL's own words on where it stopped. */
  readonly stop: string | undefined
}

export interface FollowOptions {
  /** A standby is done when it accepts connections; anything else when its recovery ends or pauses. */
  readonly standby: boolean
  /** Called now and then with what the log has told so far. */
  readonly onProgress?: ((log: Readonly<RecoveryLog>) => void) | undefined
}

/** There is no limit of time for replay, as long as it goes on. */
export async function followRecovery(
  server: LocalServer,
  options: FollowOptions,
  world: World,
  signal: AbortSignal,
): Promise<RecoveryOutcome> {
  const { clock } = world
  let movedMs = clock.monotonicMs()
  for (;;) {
    const ended = server.ended // Looked at before the log, so that no last words are missed.
    if (await server.log.read()) {
      movedMs = clock.monotonicMs()
      options.onProgress?.(server.log.recovery)
    }
    const state = stateOf(server.log.recovery, options.standby, ended)
    if (state) return outcome(server, state, signal)
    if (ended !== undefined || isHopeless(server.log.recovery))
      throw startFault(server.log.recovery, server.logFile, ended ?? 'a pause')
    if (clock.monotonicMs() - movedMs > limits.recoveryStallMsMax) throw stalled(server)
    await clock.sleep(limits.recoveryPollMs, signal)
  }
}

function stateOf(
  log: RecoveryLog,
  standby: boolean,
  ended: string | undefined,
): RecoveryOutcome['state'] | undefined {
  if (log.ready) return 'promoted'
  if (log.paused) return 'paused'
  if (standby && log.standby) return 'following'
  return log.shutdownAtTarget && ended !== undefined ? 'shut down' : undefined
}

/** Replay pauses for ever when hot standby would need higher settings than the server was started with. */
function isHopeless(log: RecoveryLog): boolean {
  return log.problems.some(problem => /insufficient parameter settings/.test(problem))
}

async function outcome(
  server: LocalServer,
  state: RecoveryOutcome['state'],
  signal: AbortSignal,
): Promise<RecoveryOutcome> {
  const { lsn, commitTime, timeline, stop } = server.log.recovery
  const told = { state, lsn, time: commitTime, timeline, stop }
  if (state !== 'shut down') return { ...told, ...(await ask(server, signal)) }
  const { control } = await readControlFile(server.dataDirectory)
  return {
    ...told,
    lsn: control.minRecoveryLsn,
    timeline: control.minRecoveryTimeline || control.checkpoint.timeline,
  }
}

/** The server knows better than its log, if it lets us in. */
async function ask(server: LocalServer, signal: AbortSignal): Promise<Partial<RecoveryOutcome>> {
  const connectionString = await server.connectionString()
  if (connectionString === undefined) return {}
  try {
    await using connection = await connect(connectionString, { environment: {} }, signal)
    const [row] = await connection.query<ReplayRow>(replaySql, [], signal)
    const known = {
      lsn: parseLsn(row?.lsn ?? ''),
      time: row?.micros ? Number(row.micros) : undefined,
      timeline: row?.timeline ?? undefined,
    }
    return Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined))
  } catch {
    signal.throwIfAborted()
    return {} // Its pg_hba.conf may well refuse us.
  }
}

interface ReplayRow extends SqlRow {
  readonly lsn: string | null
  readonly micros: string | null
  readonly timeline: number | null
}

/** What was replayed last stays known after a promotion, until the next start. */
const replaySql = `
  SELECT pg_last_wal_replay_lsn()::text AS lsn,
         (extract(epoch FROM pg_last_xact_replay_timestamp()) * 1000000)::int8 AS micros,
         CASE WHEN pg_is_in_recovery() THEN nullif(greatest(c.timeline_id, r.min_recovery_end_timeline), 0)
              ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int4
         END AS timeline
    FROM pg_control_checkpoint() c, pg_control_recovery() r`

function stalled(server: LocalServer): Fault {
  return new Fault(
    'SERVER_START',
    `recovery stands still: the server’s log has said nothing for ${formatDuration(limits.recoveryStallMsMax)}`,
    {
      hint: `Look whether restore_command hangs, and at the end of the log ${server.logFile}.`,
    },
  )
}
