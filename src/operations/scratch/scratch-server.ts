/**
 * A server on a restored directory in scratch space: reachable by us alone, followed to where its recovery is to stop. What the
 * end of its log says is told when it fails, since the log goes with the scratch space.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Progress } from '../../base/progress.ts'
import type { World } from '../../base/world.ts'
import type { StoppingPoint } from '../../policy/restore-plan.ts'
import type { Environment } from '../../postgres/connection-string.ts'
import { followRecovery, type RecoveryOutcome } from '../../postgres/local-server/follow-recovery.ts'
import { startLocalServer, type LocalServer } from '../../postgres/local-server/local-server.ts'
import type { Settings } from '../../postgres/local-server/start-settings.ts'
import { findServer, type ToolPlaces } from '../../postgres/tools.ts'
import { assertReached } from '../restore/start.ts'

export interface ScratchServerDeps {
  readonly world: World
  readonly progress: Progress
}

export interface ScratchServerRequest {
  readonly dataDirectory: string
  /** The log, the socket, and generated configuration go here. */
  readonly runDirectory: string
  readonly major: number
  readonly programs: ToolPlaces
  readonly settings: Settings
  readonly environment: Environment
  readonly user: string | undefined
  readonly database: string | undefined
  readonly walSegmentSizeBytes: number
  /** Where recovery has to get to; undefined: the server has nothing to recover. */
  readonly stop: StoppingPoint | undefined
}

export interface ScratchServer {
  readonly server: LocalServer
  readonly outcome: RecoveryOutcome
  readonly connectionString: string
}

export async function startScratchServer(
  { world, progress }: ScratchServerDeps,
  request: ScratchServerRequest,
  signal: AbortSignal,
): Promise<ScratchServer> {
  const { dataDirectory, runDirectory, settings, environment, user, database } = request
  const programs = await findServer(request.major, request.programs, signal)
  const server = await startLocalServer(
    {
      dataDirectory,
      programs,
      runDirectory,
      reach: 'private',
      hotStandby: false,
      settings,
      user,
      database,
      environment,
    },
    world,
    signal,
  )
  try {
    let told = 0
    const onProgress = ({ restoredFiles }: { readonly restoredFiles: number }): void => {
      progress.advance((restoredFiles - told) * request.walSegmentSizeBytes)
      told = restoredFiles
    }
    const outcome = await followRecovery(server, { standby: false, onProgress }, world, signal)
    if (request.stop) assertReached(outcome, request.stop, server)
    const connectionString = await server.connectionString()
    if (connectionString === undefined) throw new Error('assertion failed: a private server has a socket')
    return { server, outcome, connectionString }
  } catch (error) {
    await server.stop()
    throw error
  }
}

const lastWordsLines = 15

/** The last lines of its log; undefined when there is none. */
export async function lastWordsOf(runDirectory: string): Promise<string | undefined> {
  const log = await readFile(join(runDirectory, 'server.log'), 'utf8').catch(() => '')
  return log === '' ? undefined : log.trimEnd().split('\n').slice(-lastWordsLines).join('\n')
}
