/** From the command line of `restore-table` to a laid-out restore of tables. */
import { tmpdir } from 'node:os'
import { resolve } from 'node:path'
import { Fault } from '../base/fault.ts'
import type { RestoreDeps } from '../operations/restore/layout.ts'
import type { Destination } from '../operations/restore-table/live-tables.ts'
import { beforeDrop, type DropPlace } from '../operations/restore-table/before-drop.ts'
import { assertDatabaseFree, databaseName } from '../operations/restore-table/copy-database.ts'
import { assertSchemasFree, namesOf } from '../operations/restore-table/live-schemas.ts'
import { assertFree } from '../operations/restore-table/live-tables.ts'
import { layOutTables, type LaidOutTables, type TableRequest } from '../operations/restore-table/lay-out.ts'
import { findClients } from '../operations/restore-table/pass-through.ts'
import type { Scope } from '../operations/restore-table/scope.ts'
import { planRestore } from '../operations/resolve-target.ts'
import { connectBeside, connectIn } from '../operations/restore-dump/target-place.ts'
import { readFacts } from '../operations/restore-dump/target-server.ts'
import { readCopies } from '../operations/sources/catalog.ts'
import type { WalFindDeps } from '../operations/wal-find/wal-find.ts'
import type { RecoveryTarget, TimelineChoice } from '../policy/recovery-target.ts'
import type { Server } from '../postgres/connection.ts'
import { findServer } from '../postgres/tools.ts'
import type { CommandContext } from './context.ts'
import { chooseBackup } from './find-backup.ts'
import { openFinder, type SourceWords } from './find-setup.ts'
import { parseSchemaName, parseTableName } from './names.ts'
import { accountOfProcess, recoveryOf, targetOf, type TargetWords } from './restore-setup.ts'
import { usageFault } from './usage.ts'
import { workerCount } from './workers.ts'

/** What was given on the command line of `restore-table`. */
export interface TableWords extends Omit<TargetWords, 'action'>, SourceWords {
  readonly tables: readonly string[]
  readonly schema: readonly string[]
  readonly wholeDatabase: boolean
  readonly beforeDrop: boolean
  readonly timeline: TimelineChoice | undefined
  readonly backup: string | undefined
  readonly database: string | undefined
  readonly into: string | undefined
  readonly as: string | undefined
  readonly replace: boolean
  readonly scratchDir: string | undefined
  readonly skipErasures: string | undefined
}

export interface LaidOutTable extends AsyncDisposable {
  readonly deps: RestoreDeps
  readonly request: TableRequest
  readonly tables: LaidOutTables
}

export async function layOutTable(context: CommandContext, words: TableWords): Promise<LaidOutTable> {
  const { signal, world, progress, program, terminal } = context
  const now = world.clock.now()
  const { config, path } = await context.config()
  const { environment } = terminal
  const target = await context.connectionTarget()
  const database = words.database ?? target.database ?? target.user ?? 'postgres'
  const scope = scopeOf(words, database)
  const destination = destinationOf(words, { scope, database }, now)
  const live = { target, environment }
  const liveMajor = await lookAhead(live, { scope, database, destination }, signal)
  const programs = { binDirectory: config.postgres.binDirectory, path: environment['PATH'] }
  const [clients, finder] = await Promise.all([
    findClients(liveMajor, programs, signal),
    openFinder(context, words),
  ])
  const stop = await stopOf(finder, words, { scope, database, live }, signal)
  if (!words.beforeDrop) progress.phase('planning')
  const backups = finder.backups.filter(({ summary }) => summary.kind === 'full')
  const backupId =
    words.backup === undefined
      ? undefined
      : chooseBackup(backups, words.backup, ({ summary }) => summary.id).summary.id
  const plan = await planRestore(
    {
      backups: backups.map(({ summary }) => summary),
      wal: finder.wal,
      walSegmentSizeBytes: finder.walSegmentSizeBytes,
    },
    { target: stop, timeline: words.timeline ?? 'latest', backupId },
    signal,
  )
  const known = backups.find(({ summary }) => summary.id === plan.backup.id)
  if (!known) throw new Error('assertion failed: the plan names a backup of the catalogue')
  const copies = await readCopies(known, finder.troubles, signal)
  const rates = await context.rates()
  const { troubles } = finder
  const deps = { world, progress, worker: program.worker, rates, troubles, copies }
  const recoveryWords = { ...words, standby: false, action: undefined, asReplacement: false }
  const without = [...words.without]
  const request: TableRequest = {
    scope,
    destination,
    live,
    database,
    wal: finder.wal,
    staging: `holdfast_${Buffer.from(world.randomBytes(6)).toString('hex')}`,
    place: words.scratchDir === undefined ? tmpdir() : resolve(terminal.workingDirectory, words.scratchDir),
    recovery: withhold =>
      recoveryOf(program, path, recoveryWords, { plan }, { without, needsArchives: false, withhold }),
    account: accountOfProcess(),
    workers: workerCount(config.workers),
    environment,
    programs,
    clients,
    user: target.user,
  }
  // What is missing is told before anything is fetched.
  const { versionNumber } = copies[0]?.record.postgres ?? { versionNumber: 0 }
  const [tables] = await Promise.all([
    layOutTables(deps, request, plan, signal),
    findServer(Math.floor(versionNumber / 10_000), programs, signal),
  ])
  return { deps, request, tables, [Symbol.asyncDispose]: () => tables[Symbol.asyncDispose]() }
}

/** Exactly one of the three. */
function scopeOf({ tables, schema, wholeDatabase }: TableWords, database: string): Scope {
  if ([tables.length > 0, schema.length > 0, wholeDatabase].filter(Boolean).length !== 1)
    throw usageFault(
      'restore-table takes either tables, or --schema, or --whole-database',
      'Name one of them: restore-table public.users, restore-table --schema sales, restore-table --whole-database --database shop.',
    )
  if (wholeDatabase) return { kind: 'database', name: database }
  if (tables.length > 0)
    return {
      kind: 'tables',
      names: tables,
      patterns: tables.map(parseTableName),
    }
  return { kind: 'schemas', names: schema, patterns: schema.map(parseSchemaName) }
}

function destinationOf(
  { into, as, replace }: TableWords,
  { scope, database }: { readonly scope: Scope; readonly database: string },
  now: number,
): Destination {
  if ([into !== undefined, as !== undefined, replace].filter(Boolean).length > 1)
    throw usageFault(
      '--into, --as and --replace exclude one another',
      'Give one of them, or none: tables then come into the schema "restored", schemas and databases under their own names.',
    )
  if (into !== undefined && scope.kind !== 'tables')
    throw usageFault(
      '--into is for tables',
      'Give --as NAME to bring a schema or a database back under another name.',
    )
  if (as !== undefined && scope.kind !== 'database' && scope.names.length > 1)
    throw usageFault(
      `--as names one ${scope.kind === 'tables' ? 'table' : 'schema'}`,
      moreThanOne[scope.kind],
    )
  if (as !== undefined)
    return { kind: 'as', name: newName(as, scope.kind === 'schemas' ? 'schema' : 'other') }
  if (replace) return { kind: 'replace', oldSchema: oldName(scope, database, now) }
  if (scope.kind === 'tables') return { kind: 'into', schema: newName(into ?? 'restored', 'schema') }
  return { kind: 'own' }
}

/** PostgreSQL would cut a longer name without a word, and let a superuser put tables among its own catalogues. */
function newName(name: string, what: 'schema' | 'other'): string {
  const isOwn = what === 'schema' && (name.startsWith('pg_') || name === 'information_schema')
  if (name !== '' && Buffer.byteLength(name) <= nameBytesMax && !isOwn) return name
  throw usageFault(
    `"${name}" can not be the name of what is restored`,
    "PostgreSQL's names have 1 to 63 bytes, and schemas that begin with pg_ are its own.",
  )
}

const moreThanOne = {
  tables: 'Use --into SCHEMA for several, where all keep their names.',
  schemas: 'Restore them one after another.',
}

const nameBytesMax = 63

/** What is replaced gets it: a schema for tables, the name of a schema or of a database else. */
function oldName(scope: Scope, database: string, now: number): string {
  const stamp = new Date(now)
    .toISOString()
    .replaceAll(/[-:]|\..*/g, '')
    .toLowerCase()
  if (scope.kind !== 'database') return `replaced_${stamp}`
  const ending = `_before_${stamp}`
  let begin = database
  while (Buffer.byteLength(begin + ending) > nameBytesMax) begin = [...begin].slice(0, -1).join('')
  return begin + ending
}

/** What can be known at once, before anything is fetched; looked at again when what is there is known. Returns the live server's major. */
async function lookAhead(
  live: TableRequest['live'],
  { scope, database, destination }: Pick<TableRequest, 'scope' | 'database' | 'destination'>,
  signal: AbortSignal,
): Promise<number> {
  if (scope.kind === 'database') {
    const name = databaseName(database, destination)
    await using server = await connectBeside(live, name, signal)
    await assertDatabaseFree(server, { name, destination }, signal)
    return server.major
  }
  await using server = await connectWhereItWas(live, database, signal)
  const plain = scope.patterns.flatMap(pattern => pattern.plain ?? [])
  if (scope.kind === 'schemas') {
    const schemas = plain.map(({ name }) => ({ oid: 0, name, owner: '', grants: [] }))
    const names = await namesOf(server, schemas, { destination, staging: '' }, signal)
    await assertSchemasFree(server, names, { destination, extensions: [] }, signal)
    return server.major
  }
  const tables = plain.flatMap(({ schema, name }) => (schema === undefined ? [] : [{ schema, name }]))
  await assertFree(server, tables, destination, signal, { partitionsGo: true })
  return server.major
}

async function connectWhereItWas(
  live: TableRequest['live'],
  database: string,
  signal: AbortSignal,
): Promise<Server> {
  await using beside = await connectBeside(live, database, signal)
  const { databaseExists } = await readFacts(beside, database, signal)
  if (databaseExists) return await connectIn(live, database, signal)
  throw new Fault('POSTGRES_REFUSED', `there is no database ${database} at ${beside.where}`, {
    hint: 'Name the database of the tables with --database. If it was dropped, bring all of it back: --whole-database.',
  })
}

async function stopOf(
  finder: WalFindDeps,
  words: TableWords,
  place: DropPlace,
  signal: AbortSignal,
): Promise<RecoveryTarget> {
  const { latest, toTime, toLsn, toXid, toName, toImmediate } = words
  const isGiven = latest || toImmediate || [toTime, toLsn, toXid, toName].some(one => one !== undefined)
  if (words.beforeDrop === isGiven)
    throw usageFault(
      isGiven ? '--before-drop is a target by itself' : 'restore-table needs a target',
      'Give one of --before-drop, --to-time, --to-lsn, --to-xid, --to-name, --to-immediate, --latest.',
    )
  if (!words.beforeDrop) return targetOf({ ...words, action: undefined })
  const lsn = await beforeDrop(finder, place, signal)
  finder.progress.phase('planning')
  return { kind: 'lsn', lsn, inclusive: false }
}
