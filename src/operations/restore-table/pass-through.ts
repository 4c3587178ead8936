/**
 * pg_dump of a scratch cluster, straight into pg_restore of the live server. The table of contents comes first, so what is
 * going to come is judged before anything of it is loaded.
 */
import { clientEnvironment, databaseArgument } from '../../postgres/client-environment.ts'
import { Fault } from '../../base/fault.ts'
import type { Server } from '../../postgres/connection.ts'
import { parseConnectionString } from '../../postgres/connection-string.ts'
import { invalidArchive, type Archive } from '../../postgres/dump-archive/archive.ts'
import { ArchiveParser } from '../../postgres/dump-archive/archive-parser.ts'
import { toCustom } from '../../postgres/dump-archive/convert.ts'
import { encodeArchive } from '../../postgres/dump-archive/toc.ts'
import { startClient } from '../../postgres/dump/client-output.ts'
import { runPgRestore, takesAllSettings } from '../../postgres/pg-restore.ts'
import { findClientProgram, type FoundTool, type ToolPlaces } from '../../postgres/tools.ts'
import { needsOf } from '../restore-dump/needs.ts'
import { readFacts } from '../restore-dump/target-server.ts'
import type { Scratch, ScratchRequest } from './scratch.ts'
import { changingEnvironment, loadingEnvironment, type TargetPlace } from '../restore-dump/target-place.ts'

export interface Passage {
  /** For messages: `the tables`. */
  readonly what: string
  readonly dumpArguments: readonly string[]
  /** So many bytes went through. */
  readonly advance: (bytes: number) => void
  /** In one transaction, unless pg_restore is of a version that can not do that with this server. */
  readonly inOneTransaction: boolean
  /** Brings what is not in the dump: when the definitions are there, and before indexes, constraints and triggers. */
  readonly apart?: (() => Promise<void>) | undefined
  /** Called when all that is needed of the scratch cluster has been read. */
  readonly drained?: () => void
  /** Gets ready for what is to come. Returns what of it is loaded, and into which database. */
  readonly prepare: (archive: Archive) => Promise<{ readonly archive: Archive; readonly database: string }>
}

export interface Sides extends Pick<ScratchRequest, 'environment' | 'database'> {
  readonly live: TargetPlace
  readonly clients: ClientPrograms
}

/** Of the live server's version, or newer. */
export interface ClientPrograms {
  readonly pgDump: FoundTool
  readonly pgRestore: FoundTool
  readonly psql: FoundTool
}

export async function findClients(
  major: number,
  places: ToolPlaces,
  signal: AbortSignal,
): Promise<ClientPrograms> {
  const find = (name: string): Promise<FoundTool> => findClientProgram(name, major, places, signal)
  const [pgDump, pgRestore, psql] = await Promise.all([find('pg_dump'), find('pg_restore'), find('psql')])
  return { pgDump, pgRestore, psql }
}

/** `live`: any session in the live server. */
export async function passThrough(
  { environment, clients: { pgDump, pgRestore }, database, live: place }: Sides,
  { scratch, live }: { readonly scratch: Scratch; readonly live: Server },
  { what, dumpArguments, advance, inOneTransaction, apart, drained, prepare }: Passage,
  signal: AbortSignal,
): Promise<void> {
  await using dump = startClient(
    {
      path: pgDump.path,
      args: ['--format=custom', '--compress=0', '--no-password', ...dumpArguments],
      environment: clientEnvironment(parseConnectionString(scratch.connectionString, {}), environment),
      about: `${what} in ${database}`,
    },
    signal,
  )
  const { archive, rest } = await readContents(dump.bytes)
  await assertRoles(live, archive, what, signal)
  const into = await prepare(archive)
  const strict = takesAllSettings(pgRestore.version, live.major)
  const there = { ...place, target: { ...place.target, database: into.database } }
  const program = {
    path: pgRestore.path,
    environment: inOneTransaction
      ? await changingEnvironment(there, live, signal)
      : loadingEnvironment(there, live.major),
  }
  const contents = encodeArchive(toCustom(into.archive))
  const load = (sections: readonly string[], after: AsyncIterable<Uint8Array>): Promise<void> =>
    runPgRestore(
      program,
      {
        what,
        args: [
          `--dbname=${databaseArgument(into.database)}`,
          '--no-password',
          ...(strict ? [inOneTransaction ? '--single-transaction' : '--exit-on-error'] : []),
          ...sections.map(section => `--section=${section}`),
        ],
        archive: counted(joined(contents, after), advance),
      },
      signal,
    )
  const read = ending(rest, drained)
  if (!apart) {
    await load([], read)
    return
  }
  await load(['pre-data'], nothing())
  await apart()
  await load(['data', 'post-data'], read)
}

async function* ending(
  pieces: AsyncIterable<Uint8Array>,
  drained: Passage['drained'],
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* pieces
  drained?.()
}

async function* nothing(): AsyncGenerator<Uint8Array, void, undefined> {
  // Definitions are all in the table of contents.
}

interface Begun {
  readonly archive: Archive
  /** What follows the table of contents. */
  readonly rest: AsyncIterable<Uint8Array>
}

async function readContents(bytes: AsyncIterable<Uint8Array>): Promise<Begun> {
  let found: { readonly archive: Archive; readonly endBytes: number } | undefined
  const parser = new ArchiveParser({
    toc: (archive, endBytes) => {
      found = { archive, endBytes }
    },
  })
  const pieces = bytes[Symbol.asyncIterator]()
  const held: Buffer[] = []
  while (!found) {
    const next = await pieces.next()
    if (next.done === true) throw invalidArchive('it ends within its table of contents')
    held.push(Buffer.from(next.value))
    parser.push(next.value)
  }
  const { archive, endBytes } = found
  const first = Buffer.concat(held).subarray(endBytes)
  return { archive, rest: joined(first, { [Symbol.asyncIterator]: () => pieces }) }
}

async function* joined(
  first: Uint8Array,
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield first
  yield* rest
}

async function* counted(
  pieces: AsyncIterable<Uint8Array>,
  advance: Passage['advance'],
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const piece of pieces) {
    yield piece
    advance(piece.length)
  }
}

/** Owners, those who are granted something, those whom policies name; and the tablespaces. */
async function assertRoles(live: Server, archive: Archive, what: string, signal: AbortSignal): Promise<void> {
  const facts = await readFacts(live, live.database, signal)
  const needs = needsOf(archive, { owner: true, privileges: true, tablespaces: true })
  const roles = [...needs.roles, ...needs.rolesAnyway].filter(role => !facts.roles.has(role))
  const spaces = [...needs.tablespaces].filter(space => !facts.tablespaces.has(space))
  const lacking = [
    ...new Set([
      ...roles.map(role => `the role "${role}"`),
      ...spaces.map(space => `the tablespace "${space}"`),
    ]),
  ]
  if (lacking.length === 0) return
  throw new Fault(
    'POSTGRES_REFUSED',
    `the live server does not have ${lacking.join(', ')}, to which something of ${what} belongs`,
    {
      hint: 'Make it first (CREATE ROLE, CREATE TABLESPACE), then run the command again. Nothing was changed.',
    },
  )
}
