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
import { rowsOf, runRequest } from './run-request.ts'

export interface ApplyDeps {
  readonly progress: Progress
  readonly log: Log
  /** As a superuser, into one of the databases of what was restored. */
  readonly connect: (database: string, signal: AbortSignal) => Promise<Server>
}

export interface ErasureJob {
  /** Of all repositories, oldest first, without those that were withdrawn. */
  readonly requests: readonly OpenedErasure[]
  /** How far the restored state goes. */
  readonly reached: ReachedPoints
  /** In which every request is looked for its database by; any will do. */
  readonly anyDatabase: string
  /** Only requests of this database, which goes by another name here. */
  readonly only?: { readonly database: string; readonly is: string } | undefined
}

/** What came of one request. */
export interface AppliedErasure extends AppliedRequest {
  /** For people; it may name the person. */
  readonly subject: string
  readonly database: string
}

/** ERASURE_FAILED with what came of those before it, in `outcomes`, when one fails. */
export class ErasureFailure extends Fault {
  readonly outcomes: readonly AppliedErasure[]

  constructor(failed: AppliedErasure, done: readonly AppliedErasure[], cause: Fault) {
    super(
      'ERASURE_FAILED',
      `request ${failed.id} could not be applied in ${failed.database}: ${cause.message}`,
      {
        hint:
          'Nobody was let in. Its SQL has to fit the tables as they were at this point: withdraw it (holdfast erase withdraw), add one ' +
          'that does (a DO block can ask to_regclass first), and go on with holdfast erase apply --target-dir DIR.',
        cause,
      },
    )
    this.outcomes = [...done, failed]
  }
}

export async function applyErasures(
  deps: ApplyDeps,
  { requests, reached, anyDatabase, only }: ErasureJob,
  signal: AbortSignal,
): Promise<readonly AppliedErasure[]> {
  const mine = requests.filter(({ record }) => only === undefined || record.database === only.database)
  if (mine.length === 0) return []
  deps.progress.phase('forgetting who asked for it')
  const done: AppliedErasure[] = []
  for (const request of mine) {
    const one = await applyOne(deps, request, { reached, anyDatabase, only, done }, signal)
    done.push(one)
    if (one.outcome === 'applied')
      deps.progress.note(
        `request ${one.id} was applied in ${one.database}: ${describeCounts(one.statements)}`,
      )
    deps.log.info('erasure.applied', { id: one.id, outcome: one.outcome, rows: rowsOf(one.statements) })
  }
  return done
}

interface Circumstances extends Pick<ErasureJob, 'reached' | 'anyDatabase' | 'only'> {
  readonly done: readonly AppliedErasure[]
}

async function applyOne(
  deps: ApplyDeps,
  { record, secret }: OpenedErasure,
  { reached, anyDatabase, only, done }: Circumstances,
  signal: AbortSignal,
): Promise<AppliedErasure> {
  const outcome = (
    what: ErasureOutcome,
    database = record.database,
    statements: readonly CountedStatement[] = [],
  ): AppliedErasure => ({ id: record.id, subject: secret.subject, database, outcome: what, statements })
  if (holdsErasure(reached, record)) return outcome('contained')
  let database = only?.is
  try {
    database ??= await findDatabase(deps, record, anyDatabase, signal)
    if (database === undefined) return outcome('no database')
    await using server = await deps.connect(database, signal)
    const how = { ending: 'commit', lockMsMax: undefined } as const
    return outcome('applied', database, await runRequest(server, secret.statements, how, signal))
  } catch (error) {
    signal.throwIfAborted()
    if (!isFault(error)) throw error
    throw new ErasureFailure(outcome('failed', database), done, error)
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
