/**
 * Brings tables back as they were, without the rest of their cluster: a scratch cluster with the catalogues and their
 * files, replayed to the target, dumped from there, and loaded into the live server. That is not touched before the
 * scratch cluster has proven itself, and shows nothing before everything is there.
 */
import { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { Log } from '../../base/log.ts'
import type { RestorePlan } from '../../policy/restore-plan.ts'
import { describeTarget } from '../../policy/recovery-target.ts'
import { clientEnvironment, databaseArgument } from '../../postgres/client-environment.ts'
import { connect, type Server } from '../../postgres/connection.ts'
import { parseConnectionString } from '../../postgres/connection-string.ts'
import { quoteIdentifier } from '../../postgres/dump-archive/database-statements.ts'
import type { NamePattern } from '../../postgres/dump-archive/name-pattern.ts'
import { startClient } from '../../postgres/dump/client-output.ts'
import { runPgRestore } from '../../postgres/pg-restore.ts'
import { findClientProgram } from '../../postgres/tools.ts'
import { openBackupCatalogues, type BackupCatalogues } from '../catalogues/backup-catalogues.ts'
import type { RestoreDeps } from '../restore/layout.ts'
import { assertSpace, measureSpace, type SpaceNeed } from '../restore/places.ts'
import { connectIn, type TargetPlace } from '../restore-dump/target-place.ts'
import { readManifestFiles } from '../sources/manifest.ts'
import { chooseFiles, findDatabase, type FileChoice } from './choose-files.ts'
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

export interface TableRequest extends Pick<
  ScratchRequest,
  'wal' | 'place' | 'recovery' | 'account' | 'workers' | 'environment' | 'programs' | 'user' | 'database'
> {
  /** As they were given, and as patterns. */
  readonly names: readonly string[]
  readonly patterns: readonly NamePattern[]
  readonly destination: Destination
  readonly live: TargetPlace
  /** A name that nobody has. */
  readonly staging: string
}

export interface TablePlan {
  readonly plan: RestorePlan
  /** What is to be fetched of the backup's files, and what there is. */
  readonly neededBytes: number
  readonly neededFiles: number
  readonly allBytes: number
  /** As stored, by the share of the files: what goes over the wire, WAL not counted. */
  readonly downloadBytes: number
  /** From the rate at which the backup was made, and that of replay as it is assumed. */
  readonly expectedMs: number
  readonly space: readonly SpaceNeed[]
}

export interface TableReport {
  readonly tables: readonly Placed[]
  readonly warnings: readonly string[]
  readonly files: number
  readonly bytes: number
  /** Of the backup's packs, as stored; the WAL is not counted. */
  readonly bytesFetched: number
  /** Scratch clusters that were made: a second one when a table had another name at the backup. */
  readonly attempts: number
  readonly times: { readonly scratchMs: number; readonly loadMs: number }
  readonly durationMs: number
}

export interface LaidOutTables extends AsyncDisposable {
  readonly plan: TablePlan
  readonly catalogues: BackupCatalogues
  readonly databaseOid: number
  readonly choice: FileChoice
}

/** Reads the catalogues and looks at the live server; changes nothing. */
export async function layOutTables(
  deps: RestoreDeps,
  request: TableRequest,
  plan: RestorePlan,
  signal: AbortSignal,
): Promise<LaidOutTables> {
  const { record } = copyOf(deps)
  deps.progress.phase('reading the catalogues of the backup')
  const catalogues = await openBackupCatalogues(deps, ['namespace', 'index', 'inherits'], signal)
  try {
    const databaseOid = await findDatabase(catalogues, request.database)
    if (databaseOid === undefined) throw noDatabase(request.database, record.id)
    const choice = await choose(catalogues, deps, request, databaseOid, [])
    let [neededBytes, neededFiles, allBytes] = [0, 0, 0]
    for await (const group of readManifestFiles(deps.copies, deps.troubles, signal))
      for (const { path, sizeBytes } of group) {
        allBytes += sizeBytes
        if (choice.judge(path) !== 'needed') continue
        neededBytes += sizeBytes
        neededFiles++
      }
    const share = allBytes === 0 ? 1 : neededBytes / allBytes
    const heldBytes = Math.min(plan.wal.rawBytes, limits.restoreTableWalHeldBytesMax)
    const needBytes = neededBytes + heldBytes + walSegmentsHeld * record.postgres.walSegmentSizeBytes
    const space = await measureSpace([{ path: request.place, needBytes, keptBytes: 0 }])
    assertSpace(space)
    return {
      plan: {
        plan,
        neededBytes,
        neededFiles,
        allBytes,
        downloadBytes: Math.round(record.sizes.storedBytes * share),
        expectedMs: record.durationMs * share + (plan.wal.rawBytes / replayBytesPerSecond) * 1000,
        space,
      },
      catalogues,
      databaseOid,
      choice,
      [Symbol.asyncDispose]: () => catalogues[Symbol.asyncDispose](),
    }
  } catch (error) {
    await catalogues[Symbol.asyncDispose]()
    throw error
  }
}

/** Segments that a server has in pg_wal while it replays, and those of its own. */
const walSegmentsHeld = 8
/** Fetching, decompressing and replaying WAL, measured on two cores; only for what the plan says beforehand. */
const replayBytesPerSecond = 100 * 1024 * 1024

export async function restoreTables(
  deps: RestoreDeps & { readonly log: Log },
  request: TableRequest,
  laidOut: LaidOutTables,
  signal: AbortSignal,
): Promise<TableReport> {
  const { clock } = deps.world
  const startedMs = clock.monotonicMs()
  let choice = laidOut.choice
  for (let attempts = 1; ; attempts++) {
    await using scratch = await makeScratch(deps, scratchRequest(deps, request, laidOut, choice), signal)
    const proven = await prove(deps, request, laidOut.plan.plan, { scratch, choice }, signal)
    if ('missing' in proven) {
      if (attempts > 1)
        throw new Error('assertion failed: a second scratch cluster has what the first one lacked')
      deps.progress.note('the tables had other names when the backup was made: once more, with their files')
      choice = await choose(laidOut.catalogues, deps, request, laidOut.databaseOid, proven.missing)
      continue
    }
    const scratchMs = clock.monotonicMs() - startedMs
    const { placed, warnings } = await copyTables(deps, request, { scratch, tables: proven.tables }, signal)
    const durationMs = clock.monotonicMs() - startedMs
    const { files, bytes, bytesFetched } = scratch.report
    deps.log.info('restore-table.finished', { tables: placed.length, bytes, durationMs })
    return {
      tables: placed,
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

function choose(
  catalogues: BackupCatalogues,
  deps: RestoreDeps,
  { patterns }: TableRequest,
  database: number,
  alsoOids: readonly number[],
): Promise<FileChoice> {
  const major = Math.floor(copyOf(deps).record.postgres.versionNumber / 10_000)
  return chooseFiles(catalogues, { database, tables: patterns, alsoOids, major })
}

function scratchRequest(
  deps: RestoreDeps,
  request: TableRequest,
  { catalogues, plan }: LaidOutTables,
  choice: FileChoice,
): ScratchRequest {
  const { record } = copyOf(deps)
  return { ...request, plan: plan.plan, record, directories: catalogues.directories, choice }
}

/** The tables are there, whole, and can be read to their last page; or which of them need files that were not fetched. */
async function prove(
  deps: RestoreDeps,
  { names, patterns, environment }: TableRequest,
  plan: RestorePlan,
  { scratch, choice }: { readonly scratch: Scratch; readonly choice: FileChoice },
  signal: AbortSignal,
): Promise<{ readonly tables: readonly ScratchTable[] } | { readonly missing: readonly number[] }> {
  deps.progress.phase('checking the tables')
  assertWhole(await passedOverRelations(scratch.logFile), choice, scratch.withheld)
  await using server = await connect(scratch.connectionString, { environment }, signal)
  const found = await findTables(server, patterns, signal)
  if (found.length === 0) throw notThere(names, describeTarget(plan.target))
  const oids = found.map(({ oid }) => oid)
  const lacking = (await filesOfTables(server, oids, signal)).some(path => {
    const key = choice.keyOf(path)
    return key !== undefined && scratch.withheld.has(key)
  })
  return lacking ? { missing: oids } : { tables: await countScratchRows(server, found, signal) }
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

function copyOf({ copies }: RestoreDeps): RestoreDeps['copies'][number] {
  const [copy] = copies
  if (!copy) throw new Error('assertion failed: a backup lies somewhere')
  return copy
}

function noDatabase(name: string, backup: string): Fault {
  return new Fault('TARGET_UNREACHABLE', `there was no database ${name} when backup ${backup} was made`, {
    hint: 'Name the database with --database; one that was made after the backup comes back with holdfast restore.',
  })
}
