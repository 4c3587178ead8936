/**
 * What every restore of a whole cluster does before it opens the server: applies the requests to forget a person that the
 * restored state does not hold, and writes down what came of each. Restores, drills and clones all call this.
 */
import type { Log } from '../../base/log.ts'
import type { Progress } from '../../base/progress.ts'
import type { World } from '../../base/world.ts'
import type { Environment } from '../../postgres/connection-string.ts'
import type { LocalServer } from '../../postgres/local-server/local-server.ts'
import type { ReachedPoints } from '../../policy/erasures.ts'
import type { ErasureOperation } from '../../repository/format/erasure-record.ts'
import type { Source } from '../sources/source.ts'
import { applyErasures, ErasureFailure, recordOf, type AppliedErasure } from './apply-erasures.ts'
import { keepErasureRecord } from './keep-record.ts'
import type { OpenedErasure } from './open-erasures.ts'
import { reachedOf } from './reached.ts'
import { rowsOf } from './run-request.ts'
import { findSuperuser, type Superuser } from './superuser.ts'

export interface ForgetDeps {
  readonly world: World
  readonly progress: Progress
  readonly log: Log
  /** Where what was done is written down. */
  readonly sources: readonly Source[]
  /** Into the audit trail. */
  readonly enter: (about: string, facts: ErasureFacts) => Promise<void>
  readonly environment: Environment
}

/** Without what may name the person. */
export type ErasureFacts = Readonly<Record<'request' | 'outcome' | 'database' | 'from', string>> & {
  readonly rows: number
}

export interface ForgetJob {
  /** See openErasures. */
  readonly requests: readonly OpenedErasure[]
  readonly operation: ErasureOperation
  /** The backup. */
  readonly from: string | undefined
  /** Who might be a superuser there; `postgres` is tried, too. */
  readonly users: readonly string[]
  /** Undefined: what the server's own data directory says. */
  readonly reached?: ReachedPoints | undefined
}

const onFailure =
  'Nobody was let in, and the data are there: go on with holdfast erase apply --target-dir DIR, or on your own word with --skip-erasures REASON.'

/**
 * The server has been promoted, and nobody but us can reach it. ERASURE_FAILED when a request can not be applied: then
 * it must not be opened.
 */
export async function forgetInRestored(
  deps: ForgetDeps,
  server: Pick<LocalServer, 'connectionString' | 'dataDirectory'>,
  { requests, operation, from, users, reached }: ForgetJob,
  signal: AbortSignal,
): Promise<readonly AppliedErasure[]> {
  if (requests.length === 0) return []
  const connectionString = await server.connectionString()
  if (connectionString === undefined) throw new Error('assertion failed: a private server has a socket')
  const as = { users: [...users, 'postgres'], environment: deps.environment }
  const { connect, database } = await findSuperuser(connectionString, as, signal)
  const points =
    reached ?? (await reachedOf(server.dataDirectory, await timelineOf(connect, database, signal)))
  const job = { requests, reached: points, place: { anyDatabase: database }, onFailure }
  return withRecord(deps, { operation, from }, () => applyErasures({ ...deps, connect }, job, signal), signal)
}

type RecordDeps = Pick<ForgetDeps, 'world' | 'sources' | 'progress' | 'enter'>

interface RecordAbout {
  readonly operation: ErasureOperation
  readonly from: string | undefined
}

/** Written down however it ends. */
export async function withRecord(
  deps: RecordDeps,
  about: RecordAbout,
  work: () => Promise<readonly AppliedErasure[]>,
  signal: AbortSignal,
): Promise<readonly AppliedErasure[]> {
  try {
    const outcomes = await work()
    await recordOutcomes(deps, about, outcomes, signal)
    return outcomes
  } catch (error) {
    if (error instanceof ErasureFailure) await recordOutcomes(deps, about, error.outcomes, signal)
    throw error
  }
}

/**
 * Into the audit trail and the repositories. Where it can be written nowhere, that is told, and what was done stays done.
 */
export async function recordOutcomes(
  deps: RecordDeps,
  about: RecordAbout,
  outcomes: readonly AppliedErasure[],
  signal: AbortSignal,
): Promise<void> {
  if (outcomes.length === 0) return
  for (const { id, outcome, database, statements } of outcomes)
    await deps.enter('erasure', {
      request: id,
      outcome,
      database,
      from: about.from ?? '',
      rows: rowsOf(statements),
    })
  try {
    const failed = await keepErasureRecord(deps, { ...about, requests: outcomes.map(recordOf) }, signal)
    for (const { name, fault } of failed)
      deps.progress.note(
        `repository ${name}: what was done with requests to forget was not written: ${fault.message}`,
      )
  } catch (error) {
    signal.throwIfAborted()
    deps.progress.note(error instanceof Error ? error.message : String(error))
  }
}

async function timelineOf(
  connect: Superuser['connect'],
  database: string,
  signal: AbortSignal,
): Promise<number> {
  await using server = await connect(database, signal)
  const [row] = await server.query<{ timeline: number }>(
    "SELECT ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int4 AS timeline",
    [],
    signal,
  )
  return row?.timeline ?? 1
}
