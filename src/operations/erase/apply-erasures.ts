/**
 * Applies requests to forget a person to a state that was restored, before anybody else can connect to it: each in one
 * transaction of its database, in the order in which they were made.
 */
import { Fault, isFault } from '../../base/fault.ts'
import type { Log } from '../../base/log.ts'
import type { Progress } from '../../base/progress.ts'
import { holdsErasure, type ReachedPoints } from '../../policy/erasures.ts'
import type { Server } from '../../postgres/connection.ts'
import type {
  AppliedRequest,
  CountedStatement,
  ErasureOutcome,
} from '../../repository/format/erasure-record.ts'
import { findDatabase } from './find-database.ts'
import type { OpenedErasure } from './open-erasures.ts'
import { rowsOf, runRequest, type Watch } from './run-request.ts'

export interface ApplyDeps {
  readonly progress: Progress
  readonly log: Log
  /** As a superuser, into one of the databases of what was restored. */
  readonly connect: (database: string, signal: AbortSignal) => Promise<Server>
}

export interface ErasureJob {
  /** Oldest first, without those that were withdrawn. */
  readonly requests: readonly OpenedErasure[]
  /** How far the restored state goes. */
  readonly reached: ReachedPoints
  /** Where they run: in the one database that was restored, or in each one's own, which is looked for from any. */
  readonly place: { readonly database: string } | { readonly anyDatabase: string }
  /** What to do when one fails, after what is to be done with the request. */
  readonly onFailure: string
  readonly watch?: ((request: OpenedErasure) => Watch) | undefined
}

/** What came of one request. */
export interface AppliedErasure extends AppliedRequest {
  /** For people; it may name the person. */
  readonly subject: string
  readonly database: string
}

/** ERASURE_FAILED, with what came of each so far. */
export class ErasureFailure extends Fault {
  readonly outcomes: readonly AppliedErasure[]

  constructor(outcomes: readonly AppliedErasure[], onFailure: string, cause: Fault) {
    const failed = outcomes.at(-1)
    super(
      'ERASURE_FAILED',
      `request ${failed?.id ?? ''} could not be applied in ${failed?.database ?? ''}: ${cause.message}`,
      {
        hint: `Its SQL has to fit the tables as they were at this point: withdraw it (holdfast erase withdraw), and add one that does (a DO block can ask to_regclass first). ${onFailure}`,
        cause,
      },
    )
    this.outcomes = outcomes
  }
}

export async function applyErasures(
  deps: ApplyDeps,
  job: ErasureJob,
  signal: AbortSignal,
): Promise<readonly AppliedErasure[]> {
  if (job.requests.length === 0) return []
  deps.progress.phase('forgetting who asked for it')
  const done: AppliedErasure[] = []
  for (const request of job.requests) {
    const one = await applyOne(deps, request, job, done, signal)
    done.push(one)
    if (one.outcome === 'applied')
      deps.progress.note(
        `request ${one.id} was applied in ${one.database}: ${describeCounts(one.statements)}`,
      )
    deps.log.info('erasure.applied', { id: one.id, outcome: one.outcome, rows: rowsOf(one.statements) })
  }
  return done
}

async function applyOne(
  deps: ApplyDeps,
  request: OpenedErasure,
  { reached, place, onFailure, watch }: ErasureJob,
  done: readonly AppliedErasure[],
  signal: AbortSignal,
): Promise<AppliedErasure> {
  const { record, secret } = request
  const outcome = (
    what: ErasureOutcome,
    database = record.database,
    statements: readonly CountedStatement[] = [],
  ): AppliedErasure => ({ id: record.id, subject: secret.subject, database, outcome: what, statements })
  if (holdsErasure(reached, record)) return outcome('contained')
  let database = 'database' in place ? place.database : undefined
  try {
    if ('anyDatabase' in place) database = await findDatabase(deps, record, place.anyDatabase, signal)
    if (database === undefined) return outcome('no database')
    await using server = await deps.connect(database, signal)
    const how = { ending: 'commit', lockMsMax: undefined, watch: watch?.(request) } as const
    return outcome('applied', database, await runRequest(server, secret.statements, how, signal))
  } catch (error) {
    signal.throwIfAborted()
    if (!isFault(error)) throw error
    throw new ErasureFailure([...done, outcome('failed', database)], onFailure, error)
  }
}

const countsTold = 20

/** `DELETE 3, UPDATE 1`. */
export function describeCounts(statements: readonly CountedStatement[]): string {
  const told = statements
    .slice(0, countsTold)
    .map(({ command, rows }) => (rows === null ? command : `${command} ${String(rows)}`))
  return [...told, ...(statements.length > countsTold ? ['…'] : [])].join(', ')
}

/** For the record: without what may name the person. */
export const recordOf = ({ id, outcome, statements }: AppliedErasure): AppliedRequest => ({
  id,
  outcome,
  statements,
})
