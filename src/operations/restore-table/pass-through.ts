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
import { findClientProgram } from '../../postgres/tools.ts'
import { needsOf } from '../restore-dump/needs.ts'
import { readFacts } from '../restore-dump/target-server.ts'
import type { Scratch, ScratchRequest } from './scratch.ts'
import { loadingEnvironment, type TargetPlace } from '../restore-dump/target-place.ts'

export interface Passage {
  /** For messages: `the tables`. */
  readonly what: string
  readonly dumpArguments: readonly string[]
  /** So many bytes went through. */
  readonly advance: (bytes: number) => void
  /** In one transaction, unless pg_restore is of a version that can not do that with this server. */
  readonly inOneTransaction: boolean
  /** Gets ready for what is to come. Returns what of it is loaded, and into which database. */
  readonly prepare: (archive: Archive) => Promise<{ readonly archive: Archive; readonly database: string }>
}

export interface Sides extends Pick<ScratchRequest, 'environment' | 'programs' | 'database'> {
  readonly live: TargetPlace
}

/** `live`: any session in the live server. */
export async function passThrough(
  { environment, programs, database, live: place }: Sides,
  { scratch, live }: { readonly scratch: Scratch; readonly live: Server },
  { what, dumpArguments, advance, inOneTransaction, prepare }: Passage,
  signal: AbortSignal,
): Promise<void> {
  const pgDump = await findClientProgram('pg_dump', live.major, programs, signal)
  const pgRestore = await findClientProgram('pg_restore', live.major, programs, signal)
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
  await runPgRestore(
    {
      path: pgRestore.path,
      environment: inOneTransaction
        ? clientEnvironment({ ...place.target, database: into.database }, place.environment)
        : loadingEnvironment({ ...place, target: { ...place.target, database: into.database } }, live.major),
    },
    {
      what,
      args: [
        `--dbname=${databaseArgument(into.database)}`,
        '--no-password',
        ...(strict ? [inOneTransaction ? '--single-transaction' : '--exit-on-error'] : []),
      ],
      archive: counted(joined(encodeArchive(toCustom(into.archive)), rest), advance),
    },
    signal,
  )
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
