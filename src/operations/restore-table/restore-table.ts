/**
 * Brings tables back as they were, without the rest of their cluster: a scratch cluster with the catalogues and their
 * files, replayed to the target, dumped from there, and loaded into the live server. That is not touched before the
 * scratch cluster has proven itself, and shows nothing before everything is there.
 */
import type { Log } from '../../base/log.ts'
import { formatBytes } from '../../base/units.ts'
import { describeTarget } from '../../policy/recovery-target.ts'
import { connect, type Server } from '../../postgres/connection.ts'
import type { NamePattern } from '../../postgres/dump-archive/name-pattern.ts'
import type { AppliedErasure } from '../erase/apply-erasures.ts'
import type { RestoreDeps } from '../restore/layout.ts'
import { matches } from '../wal-find/choose.ts'
import { listed } from './belongings.ts'
import { copyDatabase } from './copy-database.ts'
import { copySchemas } from './copy-schemas.ts'
import { copyTables } from './copy-tables.ts'
import type { Copied, Proven } from './copied.ts'
import { forgetInScratch, type Lacking, type TableErasures } from './forget-in-scratch.ts'
import {
  chooseTableFiles,
  copyOf,
  withheldIn,
  type ChosenFiles,
  type LaidOutTables,
  type TableRequest,
} from './lay-out.ts'
import { notThere } from './not-there.ts'
import { tablesOf } from './scope.ts'
import {
  assertWhole,
  makeScratch,
  passedOverRelations,
  type Scratch,
  type ScratchRequest,
} from './scratch.ts'
import { findSchemas } from './scratch-schemas.ts'
import {
  countScratchRows,
  filesOfTables,
  findTables,
  showIndexes,
  type ScratchTable,
} from './scratch-tables.ts'

export interface TableDeps extends RestoreDeps {
  readonly log: Log
  /** Undefined: nobody has to be forgotten in this state, or somebody said that they are not. */
  readonly erasures: TableErasures | undefined
}

export interface TableReport extends Omit<Copied, 'placed'> {
  readonly tables: Copied['placed']
  /** What came of each request to forget a person. */
  readonly erasures: readonly AppliedErasure[]
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
    const { placed, ...copied } = await copy(deps, request, { scratch, tables: proven.tables }, signal)
    const durationMs = clock.monotonicMs() - startedMs
    const { files, bytes, bytesFetched } = scratch.report
    deps.log.info('restore-table.finished', { tables: placed.length, bytes, durationMs })
    return {
      ...copied,
      warnings: [...emptied(proven.tables), ...copied.warnings],
      tables: placed,
      erasures: proven.erasures,
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
  { choice, withheld, sparse }: ChosenFiles,
): ScratchRequest {
  const { record } = copyOf(deps)
  const { directories } = catalogues
  return { ...request, plan: plan.plan, record, directories, choice, withheld, sparse }
}

interface Checked extends Pick<Proven, 'tables'> {
  readonly erasures: readonly AppliedErasure[]
}

/**
 * The tables are there, whole, without whoever asked to be forgotten, and can be read to their last page; or which relations
 * need files that were not fetched.
 */
async function prove(
  deps: TableDeps,
  request: TableRequest,
  chosen: ChosenFiles,
  scratch: Scratch,
  signal: AbortSignal,
): Promise<Checked | Lacking> {
  const { scope, environment } = request
  const { plan } = chosen.plan
  deps.progress.phase('checking the tables')
  assertWhole(await passedOverRelations(scratch.logFile), chosen)
  await using server = await connect(scratch.connectionString, { environment }, signal)
  const found = await findTables(server, tablesOf(scope), { withChildren: scope.kind === 'tables' }, signal)
  await assertAllThere(server, scope, { found, target: describeTarget(plan.target) }, signal)
  const oids = found.map(({ oid }) => oid)
  const isWithheld = withheldIn(chosen)
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
  await showIndexes(server, signal)
  return { tables: await countScratchRows(server, found, signal), erasures }
}

function emptied(tables: readonly ScratchTable[]): readonly string[] {
  const names = tables.filter(({ isUnlogged }) => isUnlogged).map(({ schema, name }) => `${schema}.${name}`)
  if (names.length === 0) return []
  return [`empty, since unlogged tables do not outlive a recovery: ${listed(names)}`]
}

/** Every name that was given means something. */
async function assertAllThere(
  server: Server,
  scope: TableRequest['scope'],
  { found, target }: { readonly found: readonly Omit<ScratchTable, 'rows'>[]; readonly target: string },
  signal: AbortSignal,
): Promise<void> {
  if (scope.kind === 'database') return
  const fits: (pattern: NamePattern) => boolean =
    scope.kind === 'tables'
      ? pattern => found.some(({ schema, name }) => matches(pattern, schema, name))
      : await findSchemas(server, scope.patterns, signal).then(
          schemas => pattern => schemas.some(({ name }) => pattern.name.test(name)),
        )
  const isMissing = (_: unknown, i: number): boolean => {
    const pattern = scope.patterns[i]
    return pattern !== undefined && !fits(pattern)
  }
  const names = scope.names.filter(isMissing)
  const patterns = scope.patterns.filter(isMissing)
  if (names.length > 0) throw await notThere(server, { scope: { ...scope, names, patterns }, target }, signal)
}

/** Into the live server, which has not been touched until now. */
function copy(
  deps: RestoreDeps,
  request: TableRequest,
  proven: Proven,
  signal: AbortSignal,
): Promise<Copied> {
  switch (request.scope.kind) {
    case 'tables':
      return copyTables(deps, request, proven, signal)
    case 'schemas':
      return copySchemas(deps, request, proven, signal)
    case 'database':
      return copyDatabase(deps, request, proven, signal)
  }
}
