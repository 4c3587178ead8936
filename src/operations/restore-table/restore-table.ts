/**
 * Brings tables back as they were, without the rest of their cluster: a scratch cluster with the catalogues and their
 * files, replayed to the target, dumped from there, and loaded into the live server. That is not touched before the
 * scratch cluster has proven itself, and shows nothing before everything is there.
 */
import { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { Log } from '../../base/log.ts'
import { formatBytes } from '../../base/units.ts'
import { describeTarget } from '../../policy/recovery-target.ts'
import { clientEnvironment, databaseArgument } from '../../postgres/client-environment.ts'
import { connect, type Server } from '../../postgres/connection.ts'
import { parseConnectionString } from '../../postgres/connection-string.ts'
import { quoteIdentifier } from '../../postgres/dump-archive/database-statements.ts'
import { startClient } from '../../postgres/dump/client-output.ts'
import { runPgRestore } from '../../postgres/pg-restore.ts'
import { findClientProgram } from '../../postgres/tools.ts'
import type { AppliedErasure } from '../erase/apply-erasures.ts'
import type { RestoreDeps } from '../restore/layout.ts'
import { connectIn } from '../restore-dump/target-place.ts'
import { forgetInScratch, type Lacking, type TableErasures } from './forget-in-scratch.ts'
import {
  chooseTableFiles,
  copyOf,
  type ChosenFiles,
  type LaidOutTables,
  type TableRequest,
} from './lay-out.ts'
import {
  addForeignKeys,
  assertFree,
  assertSameRows,
  putInPlace,
  type Destination,
  type Placed,
} from './live-tables.ts'
import {
  assertWhole,
  makeScratch,
  passedOverRelations,
  withheldIn,
  type Scratch,
  type ScratchRequest,
} from './scratch.ts'
import {
  countScratchRows,
  filesOfTables,
  findTables,
  gatherTables,
  notThere,
  type ScratchTable,
} from './scratch-tables.ts'

export interface TableDeps extends RestoreDeps {
  readonly log: Log
  /** Undefined: nobody has to be forgotten in this state, or somebody said that they are not. */
  readonly erasures: TableErasures | undefined
}

export interface TableReport {
  readonly tables: readonly Placed[]
  /** What came of each request to forget a person. */
  readonly erasures: readonly AppliedErasure[]
  readonly warnings: readonly string[]
  readonly files: number
  readonly bytes: number
  /** Of the backup's packs, as stored; the WAL is not counted. */
  readonly bytesFetched: number
  /** Scratch clusters that were made: more when a table had another name at the backup, or a request looked into others. */
  readonly attempts: number
  readonly times: { readonly scratchMs: number; readonly loadMs: number }
  readonly durationMs: number
}

export async function restoreTables(
  deps: TableDeps,
  request: TableRequest,
  laidOut: LaidOutTables,
  signal: AbortSignal,
): Promise<TableReport> {
  const { clock } = deps.world
  const startedMs = clock.monotonicMs()
  const also = new Set<number>()
  let chosen: ChosenFiles = laidOut
  for (let attempts = 1; ; attempts++) {
    await using scratch = await makeScratch(deps, scratchRequest(deps, request, laidOut, chosen), signal)
    const proven = await prove(deps, request, chosen, scratch, signal)
    if ('missing' in proven) {
      chosen = await withMissing(deps, request, laidOut, { also, proven }, signal)
      continue
    }
    const scratchMs = clock.monotonicMs() - startedMs
    const { placed, warnings } = await copyTables(deps, request, { scratch, tables: proven.tables }, signal)
    const durationMs = clock.monotonicMs() - startedMs
    const { files, bytes, bytesFetched } = scratch.report
    deps.log.info('restore-table.finished', { tables: placed.length, bytes, durationMs })
    return {
      tables: placed,
      erasures: proven.erasures,
      warnings,
      files,
      bytes,
      bytesFetched,
      attempts,
      times: { scratchMs, loadMs: durationMs - scratchMs },
      durationMs,
    }
  }
}

/** The files of the next scratch cluster. Each has more than the one before, so this comes to an end. */
async function withMissing(
  deps: TableDeps,
  request: TableRequest,
  laidOut: LaidOutTables,
  { also, proven: { missing, why } }: { readonly also: Set<number>; readonly proven: Lacking },
  signal: AbortSignal,
): Promise<ChosenFiles> {
  const before = also.size
  for (const oid of missing) also.add(oid)
  if (also.size === before)
    throw new Error('assertion failed: the next scratch cluster has what the last one lacked')
  const about = { ...laidOut, plan: laidOut.plan.plan }
  const chosen = await chooseTableFiles(deps, request, about, [...also], signal)
  const size = formatBytes(chosen.plan.downloadBytes)
  deps.progress.note(`${why}: once more, with their files, about ${size} of the backup`)
  return chosen
}

function scratchRequest(
  deps: RestoreDeps,
  request: TableRequest,
  { catalogues, plan }: LaidOutTables,
  { choice }: ChosenFiles,
): ScratchRequest {
  const { record } = copyOf(deps)
  return { ...request, plan: plan.plan, record, directories: catalogues.directories, choice }
}

interface Proven {
  readonly tables: readonly ScratchTable[]
  readonly erasures: readonly AppliedErasure[]
}

/**
 * The tables are there, whole, without whoever asked to be forgotten, and can be read to their last page; or which relations
 * need files that were not fetched.
 */
async function prove(
  deps: TableDeps,
  request: TableRequest,
  { plan: { plan }, choice }: ChosenFiles,
  scratch: Scratch,
  signal: AbortSignal,
): Promise<Proven | Lacking> {
  const { names, patterns, environment } = request
  deps.progress.phase('checking the tables')
  assertWhole(await passedOverRelations(scratch.logFile), choice, scratch.withheld)
  await using server = await connect(scratch.connectionString, { environment }, signal)
  const found = await findTables(server, patterns, signal)
  if (found.length === 0) throw notThere(names, describeTarget(plan.target))
  const oids = found.map(({ oid }) => oid)
  const isWithheld = withheldIn(scratch, choice)
  if ((await filesOfTables(server, oids, signal)).some(isWithheld))
    return { missing: oids, why: 'the tables had other names when the backup was made' }
  const erasures = deps.erasures
    ? await forgetInScratch(
        deps,
        deps.erasures,
        { ...request, scratch, isWithheld, from: plan.backup.id },
        signal,
      )
    : []
  if ('missing' in erasures) return erasures
  return { tables: await countScratchRows(server, found, signal), erasures }
}

async function copyTables(
  deps: RestoreDeps,
  request: TableRequest,
  { scratch, tables }: { readonly scratch: Scratch; readonly tables: readonly ScratchTable[] },
  signal: AbortSignal,
): Promise<{ readonly placed: readonly Placed[]; readonly warnings: readonly string[] }> {
  const { live: place, database, staging, destination, environment } = request
  await using live = await connectIn(place, database, signal)
  await assertFree(live, tables, destination, signal)
  assertNamesApart(tables, destination)
  await using server = await connect(scratch.connectionString, { environment }, signal)
  const keys = await gatherTables(server, tables, staging, signal)
  deps.progress.phase('copying the tables')
  await live.query(`CREATE SCHEMA ${quoteIdentifier(staging)}`, [], signal)
  try {
    await pump(request, scratch, live, signal)
    await assertSameRows(live, tables, staging, signal)
    const warnings = await addForeignKeys(live, keys, signal)
    return { placed: await putInPlace(live, tables, { staging, destination }, signal), warnings }
  } catch (error) {
    await dropStaging(request)
    throw error
  }
}

/** Two tables of one name, of two schemas, do not fit into one. */
function assertNamesApart(tables: readonly ScratchTable[], destination: Destination): void {
  const twice = tables.find(({ name }, i) => tables.findIndex(other => other.name === name) !== i)
  if (twice)
    throw new Fault('USAGE', `two of the tables are called ${twice.name}`, {
      hint: 'Restore tables of different schemas one after another.',
    })
  if (destination.kind === 'as' && tables.length > 1)
    throw new Fault('USAGE', `--as names one table, and these are ${String(tables.length)}`, {
      hint: 'Use --into SCHEMA, where all keep their names.',
    })
}

/** pg_dump of the scratch cluster, straight into pg_restore of the live server, in one transaction. */
async function pump(
  { programs, database, staging, environment, live: place }: TableRequest,
  scratch: Scratch,
  live: Server,
  signal: AbortSignal,
): Promise<void> {
  const pgDump = await findClientProgram('pg_dump', live.major, programs, signal)
  const pgRestore = await findClientProgram('pg_restore', live.major, programs, signal)
  await using dump = startClient(
    {
      path: pgDump.path,
      args: ['--format=custom', '--compress=0', `--table=${quoteIdentifier(staging)}.*`],
      environment: clientEnvironment(parseConnectionString(scratch.connectionString, {}), environment),
      about: `the tables in ${database}`,
    },
    signal,
  )
  await runPgRestore(
    {
      path: pgRestore.path,
      environment: clientEnvironment({ ...place.target, database }, place.environment),
    },
    {
      what: 'the tables',
      args: ['--single-transaction', `--dbname=${databaseArgument(database)}`],
      archive: dump.bytes,
    },
    signal,
  )
}

/** With a connection and a limit of time of its own: the other may be what broke. */
async function dropStaging({ live: place, database, staging }: TableRequest): Promise<void> {
  const signal = AbortSignal.timeout(limits.dumpCleanUpMsMax)
  await using live = await connectIn(place, database, signal)
  await live.query(`DROP SCHEMA IF EXISTS ${quoteIdentifier(staging)} CASCADE`, [], signal)
}
