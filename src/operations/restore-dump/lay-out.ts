/** Looks at the dump and at the server, refuses what can not go well, and says what will be done. Changes nothing. */
import { Fault } from '../../base/fault.ts'
import type { Progress } from '../../base/progress.ts'
import type { World } from '../../base/world.ts'
import type { Server } from '../../postgres/connection.ts'
import { encodingOf, textOf, type Archive, type TocEntry } from '../../postgres/dump-archive/archive.ts'
import {
  databaseStatements,
  type DatabaseStatements,
} from '../../postgres/dump-archive/database-statements.ts'
import { dataPart, type DataPart } from '../../postgres/dump-archive/parts.ts'
import { selectEntries, type EntryChoice } from '../../postgres/dump-archive/select-entries.ts'
import { planGlobals, type GlobalsPlan } from '../../postgres/globals-script.ts'
import type { PgRestore } from '../../postgres/pg-restore.ts'
import { findClientProgram, type ToolPlaces } from '../../postgres/tools.ts'
import { limits } from '../../base/limits.ts'
import type { DumpContents } from '../../repository/format/dump-contents.ts'
import type { DumpRecord, DumpedDatabase } from '../../repository/format/dump-record.ts'
import type { DumpCopy } from '../sources/dumps.ts'
import type { TroubleLog } from '../sources/trouble.ts'
import type { ExpectedRows } from './count-rows.ts'
import { dataTasks, type DataTasks } from './data-tasks.ts'
import { DumpReader } from './dump-reader.ts'
import { needsOf } from './needs.ts'
import { readArchive } from './read-archive.ts'
import { connectBeside, loadingEnvironment, type TargetPlace } from './target-place.ts'
import { readFacts, temporaryName } from './target-server.ts'

export interface RestoreDumpDeps {
  readonly world: World
  readonly progress: Progress
  readonly copies: readonly DumpCopy[]
  readonly troubles: TroubleLog
  readonly place: TargetPlace
  readonly tools: ToolPlaces
  /** Done in the restored database when all is in it, and nobody else can connect: then it gets its name. */
  readonly beforeNaming?:
    ((connect: (signal: AbortSignal) => Promise<Server>, signal: AbortSignal) => Promise<void>) | undefined
}

export interface RestoreDumpRequest {
  /** The name of the restored database. */
  readonly name: string
  /** The name of the dumped one, when it is another. */
  readonly from: string | undefined
  readonly replace: boolean
  /** The one that was replaced is kept under another name. */
  readonly keepOld: boolean
  /** A restored database whose rows differ is kept under its temporary name. */
  readonly keepDifferent: boolean
  readonly jobs: number
  readonly choice: EntryChoice
  readonly owner: boolean
  readonly privileges: boolean
  readonly tablespaces: boolean
  readonly globals: boolean
}

export interface RestoreDumpPlan {
  readonly request: RestoreDumpRequest
  readonly record: DumpRecord
  readonly database: DumpedDatabase
  readonly archive: Archive
  readonly contents: DumpContents
  readonly leftOut: readonly TocEntry[]
  readonly part: DataPart
  readonly data: DataTasks
  readonly statements: DatabaseStatements
  readonly temporary: string
  /** What the database that is replaced is called afterwards; undefined: there is none. */
  readonly oldName: string | undefined
  readonly globals: GlobalsPlan | undefined
  readonly expected: readonly ExpectedRows[]
  readonly bytes: number
  readonly program: PgRestore & { readonly version: string }
  readonly serverMajor: number
  readonly where: string
}

export async function layOutRestoreDump(
  deps: RestoreDumpDeps,
  request: RestoreDumpRequest,
  signal: AbortSignal,
): Promise<RestoreDumpPlan> {
  const record = deps.copies[0]?.record
  if (!record) throw new Error('assertion failed: there is a copy of the dump')
  const database = chooseDatabase(record, request)
  const program = await findClientProgram('pg_restore', dumpedMajor(record.pgDump), deps.tools, signal)
  using reader = new DumpReader(deps.copies, deps.troubles)
  const contents = await reader.contents(database, signal)
  const whole = await readArchive(reader, database, contents, signal)
  const { entries, leftOut } = selectEntries(whole, request.choice)
  const archive = { ...whole, entries }
  const part = dataPart(entries)
  refuseEmpty(part, entries, request)
  const script = request.globals
    ? (await reader.whole(record.globals.name, limits.dumpTocSizeBytesMax, signal)).toString()
    : undefined
  await using server = await connectBeside(deps.place, request.name, signal)
  const facts = await readFacts(server, request.name, signal)
  refuseServer(server, record, request, facts)
  const globals = script === undefined ? undefined : planGlobals(script, facts)
  const rolesToBe = new Set([...facts.roles, ...(globals?.created ?? [])])
  refuseMissing(needsOf(archive, request), { ...facts, roles: rolesToBe }, request)
  const temporary = temporaryName('restoring', deps.world.randomBytes)
  const data = dataTasks(part.withData, contents, database.shape)
  const chosenData = new Map(part.withData.map(entry => [entry.dumpId, entry]))
  return {
    request,
    record,
    database,
    archive,
    contents,
    leftOut,
    part,
    data,
    statements: databaseStatements(whole, { ...request, name: temporary, serverMajor: server.major }),
    temporary,
    oldName: facts.databaseExists ? oldNameOf(request, deps.world) : undefined,
    globals,
    expected: expectedRows(archive, contents, chosenData),
    bytes: contents.data
      .filter(({ dumpId }) => chosenData.has(dumpId))
      .reduce((sum, { lengthBytes }) => sum + lengthBytes, 0),
    program: {
      path: program.path,
      version: program.version,
      environment: loadingEnvironment(deps.place, server.major),
    },
    serverMajor: server.major,
    where: server.where,
  }
}

/** What can be refused before anything of the dump is read: to thaw it takes hours, and is paid for. */
export async function refuseBeforehand(
  { copies: [copy], place, tools }: Pick<RestoreDumpDeps, 'copies' | 'place' | 'tools'>,
  request: RestoreDumpRequest,
  signal: AbortSignal,
): Promise<void> {
  if (!copy) throw new Error('assertion failed: there is a copy of the dump')
  await findClientProgram('pg_restore', dumpedMajor(copy.record.pgDump), tools, signal)
  await using server = await connectBeside(place, request.name, signal)
  refuseServer(server, copy.record, request, await readFacts(server, request.name, signal))
}

const dumpedMajor = ({ versionNumber }: DumpRecord['pgDump']): number => Math.floor(versionNumber / 10_000)

/** The one that is meant. */
export function chooseDatabase(
  { id, databases }: DumpRecord,
  { name, from }: Pick<RestoreDumpRequest, 'name' | 'from'>,
): DumpedDatabase {
  const wanted = from ?? name
  const found =
    databases.find(database => database.name === wanted) ??
    (from === undefined && databases.length === 1 ? databases[0] : undefined)
  if (found) return found
  const known = databases.map(database => `"${database.name}"`).join(', ')
  throw new Fault('USAGE', `dump ${id} holds no database "${wanted}"`, {
    hint:
      from === undefined
        ? `Say which one is to be restored as "${name}": --from one of ${known}.`
        : `It holds ${known}.`,
  })
}

type Facts = Awaited<ReturnType<typeof readFacts>>

function refuseServer(server: Server, record: DumpRecord, request: RestoreDumpRequest, facts: Facts): void {
  const dumped = dumpedMajor(record.postgres)
  if (dumped > server.major)
    throw new Fault(
      'POSTGRES_UNSUPPORTED',
      `the dump is of PostgreSQL ${String(dumped)}, and the server at ${server.where} is ${server.version}: an older one does not take it`,
      { hint: `Restore into a server of PostgreSQL ${String(dumped)} or newer: --connection.` },
    )
  if (!facts.mayCreate)
    throw new Fault(
      'POSTGRES_REFUSED',
      `the role "${server.user}" may not create databases at ${server.where}`,
      {
        hint: `Connect as a superuser, or let it: ALTER ROLE "${server.user}" CREATEDB.`,
      },
    )
  if (facts.databaseExists && !request.replace)
    throw new Fault('DATABASE_EXISTS', `there is a database "${request.name}" at ${server.where} already`, {
      hint: 'Give another name, or --replace: then it is restored beside, and takes its place when all went well.',
    })
}

function refuseEmpty(part: DataPart, entries: readonly TocEntry[], { choice }: RestoreDumpRequest): void {
  const named = [...choice.schemas, ...choice.tables]
  if (
    named.length === 0 ||
    part.withData.length > 0 ||
    entries.some(({ kind }) => kind === 'SCHEMA' || kind === 'VIEW' || kind === 'TABLE')
  )
    return
  throw new Fault('USAGE', 'the dump has nothing of these schemas and tables', {
    hint: 'Write names as psql does: sales.orders, log_*, and in double quotes what has capitals or spaces: \'"Odd Name"\'. `holdfast show` tells what the dump holds.',
  })
}

function refuseMissing(
  needs: ReturnType<typeof needsOf>,
  there: Pick<Facts, 'roles' | 'tablespaces'>,
  { globals }: RestoreDumpRequest,
): void {
  const lacksRoles = (roles: ReadonlySet<string>, why: string, hint: string): void => {
    refuseLack('role', [...roles.difference(there.roles)], why, hint)
  }
  const first = globals ? 'Make them first' : 'Restore them with --globals'
  lacksRoles(
    needs.roles,
    'to which objects or privileges of the dump belong',
    `${first}, or leave owners and privileges out: --no-owner --no-privileges.`,
  )
  const make = globals ? first : `${first}, or make them first`
  lacksRoles(
    needs.rolesAnyway,
    'for which the dump has policies or user mappings',
    `${make}: CREATE ROLE. Without their roles, these can not be made.`,
  )
  refuseLack(
    'tablespace',
    [...needs.tablespaces.difference(there.tablespaces)],
    'which the dump uses',
    'Make it first, or put everything into the usual one: --no-tablespaces.',
  )
}

function refuseLack(kind: string, lacking: readonly string[], why: string, hint: string): void {
  if (lacking.length === 0) return
  throw new Fault('POSTGRES_REFUSED', `the server has no ${kind} ${listOf(lacking)}, ${why}`, { hint })
}

const listOf = (names: readonly string[]): string =>
  names.length > 10
    ? `${names.slice(0, 10).map(quoted).join(', ')} and ${String(names.length - 10)} more`
    : names.map(quoted).join(', ')
const quoted = (name: string): string => `"${name}"`

/** Which rows are to be there. A table without an entry that makes it belongs to an extension, which fills it, too. */
function expectedRows(
  { entries }: Archive,
  { data }: DumpContents,
  chosen: ReadonlyMap<number, TocEntry>,
): readonly ExpectedRows[] {
  const encoding = encodingOf(entries)
  const rows = new Map(data.map(one => [one.dumpId, one.rows]))
  const nameOf = ({ schema, tag }: TocEntry): string => JSON.stringify([schema, tag])
  const made = new Set(entries.filter(({ kind }) => kind === 'TABLE').map(nameOf))
  return [...chosen.values()]
    .filter(({ kind }) => kind === 'TABLE DATA')
    .map(entry => ({
      schema: textOf(entry.schema ?? '', encoding),
      table: textOf(entry.tag ?? '', encoding),
      stored: { schema: entry.schema ?? '', table: entry.tag ?? '', encoding },
      rows: rows.get(entry.dumpId) ?? 0,
      atLeast: !made.has(nameOf(entry)),
    }))
}

const nameBytesMax = 63

/** Within the length that PostgreSQL gives names. One that is dropped at once, or by the next restore, is told by its name. */
function oldNameOf({ name, keepOld }: RestoreDumpRequest, { clock, randomBytes }: World): string {
  if (!keepOld) return temporaryName('replaced', randomBytes)
  const ending = `_before_${new Date(clock.now()).toISOString().slice(0, 19).replaceAll(/[-:T]/g, '')}`
  let begin = name
  while (Buffer.byteLength(begin + ending) > nameBytesMax) begin = [...begin].slice(0, -1).join('')
  return begin + ending
}
