/**
 * Requests to forget a person, in a scratch cluster that holds a few tables: applied before anything is copied from there.
 *
 * A request speaks of a whole database, of which most was not brought. So what was not brought stands there empty, and each
 * transaction is watched: when it looked into one of those, what it did is worth nothing, and that one has to be brought, too.
 */
import type { Log } from '../../base/log.ts'
import type { Progress } from '../../base/progress.ts'
import type { Environment } from '../../postgres/connection-string.ts'
import type { ReachedPoints } from '../../policy/erasures.ts'
import { applyErasures, ErasureFailure, type AppliedErasure } from '../erase/apply-erasures.ts'
import { recordOutcomes, type ForgetDeps } from '../erase/forget-restored.ts'
import type { OpenedErasure } from '../erase/open-erasures.ts'
import type { Watch } from '../erase/run-request.ts'
import { findSuperuser, type Superuser } from '../erase/superuser.ts'
import { isAboutOthers } from './other-tables.ts'
import type { Scratch } from './scratch.ts'
import { makeStandIns, touchedOf } from './stand-ins.ts'

export interface TableErasures extends Pick<ForgetDeps, 'sources' | 'enter'> {
  /** Of the database of the tables; see openErasures. */
  readonly requests: readonly OpenedErasure[]
  readonly reached: ReachedPoints
}

export interface ForgetPlace {
  readonly scratch: Pick<Scratch, 'connectionString' | 'directory'>
  readonly isWithheld: (path: string) => boolean
  readonly database: string
  /** Who may be a superuser there, besides `postgres`. */
  readonly user: string | undefined
  readonly environment: Environment
  /** The backup. */
  readonly from: string
}

/** What has to be brought as well; this scratch cluster is worth nothing. */
export interface Lacking {
  readonly missing: readonly number[]
  readonly why: string
}

const onFailure =
  'Nothing was copied into the live server. Or restore the whole cluster beside it (holdfast restore --start) and copy the table from there; or bring the table back as it is, on your own word: --skip-erasures REASON.'

/** ERASURE_FAILED, and written down, when a request can not be applied although all is there that it looked into. */
export async function forgetInScratch(
  deps: Omit<ForgetDeps, 'sources' | 'enter' | 'environment'>,
  { requests, reached, sources, enter }: TableErasures,
  { scratch, isWithheld, database, user, environment, from }: ForgetPlace,
  signal: AbortSignal,
): Promise<readonly AppliedErasure[] | Lacking> {
  const users = [...(user === undefined ? [] : [user]), 'postgres']
  // The other databases are not there.
  const as = { users, environment, databases: [database] }
  const { connect } = await findSuperuser(scratch.connectionString, as, signal)
  const place = { database, directory: scratch.directory }
  const { touched, others, watch } = await watchStandIns({ connect }, place, isWithheld, signal)
  const told: (() => void)[] = []
  const job = { requests, reached, place: { database }, onFailure, watch }
  const record = (outcomes: readonly AppliedErasure[]): Promise<void> =>
    recordOutcomes({ ...deps, sources, enter }, { operation: 'restore-table', from }, outcomes, signal)
  try {
    const applied = await applyErasures({ ...deps, ...later(deps, told), connect }, job, signal)
    if (touched.size > 0) return lacking(touched)
    for (const tell of told) tell()
    const outcomes = applied.map(one => (others.has(one.id) ? aboutOthers(one) : one))
    await record(outcomes)
    return outcomes
  } catch (error) {
    if (!(error instanceof ErasureFailure)) throw error
    // It may have failed for what it did not find.
    if (touched.size > 0) return lacking(touched)
    await record(error.outcomes)
    throw error
  }
}

/** What it did was done to tables that are empty here. */
const aboutOthers = (one: AppliedErasure): AppliedErasure => ({
  ...one,
  outcome: 'other tables',
  statements: [],
})

interface WatchedStandIns {
  /** What has to be brought, by name. */
  readonly touched: ReadonlyMap<number, string>
  /** Requests that can have nothing to do with what was brought. */
  readonly others: ReadonlySet<string>
  readonly watch: (request: OpenedErasure) => Watch
}

async function watchStandIns(
  { connect }: Pick<Superuser, 'connect'>,
  { database, directory }: { readonly database: string; readonly directory: string },
  isWithheld: (path: string) => boolean,
  signal: AbortSignal,
): Promise<WatchedStandIns> {
  await using server = await connect(database, signal)
  const standIns = await makeStandIns(server, directory, isWithheld, signal)
  const touched = new Map<number, string>()
  const others = new Set<string>()
  const watch =
    ({ record, secret }: OpenedErasure): Watch =>
    async (session, state, stop) => {
      const used = await touchedOf(session, standIns, stop)
      if (used.length === 0) return
      if (state === 'done' && (await isAboutOthers(session, standIns, secret.statements, stop)))
        others.add(record.id)
      else for (const { oid, name } of used) touched.set(oid, name)
    }
  return { touched, others, watch }
}

/** What is told of applying them is worth something only when all went well. */
function later({ progress, log }: Pick<ForgetDeps, 'progress' | 'log'>, told: (() => void)[]) {
  const notes: Progress = {
    phase: name => {
      progress.phase(name)
    },
    advance: () => undefined,
    note: text => {
      told.push(() => {
        progress.note(text)
      })
    },
  }
  const events: Log = {
    ...log,
    info: (...event) => {
      told.push(() => {
        log.info(...event)
      })
    },
  }
  return { progress: notes, log: events }
}

const namesTold = 5

function lacking(touched: ReadonlyMap<number, string>): Lacking {
  const names = [...touched.values()]
  const told = [...names.slice(0, namesTold), ...(names.length > namesTold ? ['…'] : [])].join(', ')
  return { missing: [...touched.keys()], why: `requests to forget a person look into ${told}` }
}
