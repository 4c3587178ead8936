/**
 * A whole database of a scratch cluster, into the live server: into a new one under a temporary name, which takes its own when
 * all is in it and has been counted.
 */
import { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import { connect, type Server } from '../../postgres/connection.ts'
import { databaseStatements } from '../../postgres/dump-archive/database-statements.ts'
import type { RestoreDeps } from '../restore/layout.ts'
import { dropDatabase } from '../restore-dump/drop-database.ts'
import { takeName } from '../restore-dump/take-name.ts'
import { connectBeside } from '../restore-dump/target-place.ts'
import { clearLeftovers, createDatabase, readFacts, temporaryName } from '../restore-dump/target-server.ts'
import { beginCopying, kindsOf, type Copied, type CopyRequest, type Proven } from './copied.ts'
import { assertSameRows, type Destination } from './live-tables.ts'
import { passThrough } from './pass-through.ts'

type Names = { readonly name: string; readonly oldName: string | undefined }

export async function copyDatabase(
  deps: Pick<RestoreDeps, 'progress' | 'world'>,
  request: CopyRequest,
  { scratch, tables }: Proven,
  signal: AbortSignal,
): Promise<Copied> {
  const { live: place, database, destination } = request
  const name = databaseName(database, destination)
  await using server = await connectBeside(place, name, signal)
  const both = AbortSignal.any([signal, server.lost])
  const names = await assertDatabaseFree(server, { name, destination }, both)
  const temporary = temporaryName('restoring', deps.world.randomBytes)
  const warnings = await clearOthers(server, request, both)
  const advance = beginCopying(deps, 'the database')
  let session: Server | undefined
  let objects: Readonly<Record<string, number>> = {}
  try {
    await passThrough(
      request,
      { scratch, live: server },
      {
        what: 'the database',
        advance,
        dumpArguments: [],
        inOneTransaction: false,
        prepare: async archive => {
          objects = kindsOf(archive)
          const choice = { name: temporary, serverMajor: server.major }
          const all = { owner: true, privileges: true, tablespaces: true }
          const statements = databaseStatements(archive, { ...choice, ...all })
          // Kept open to the end: it shows others that this database is being worked on.
          session = await createDatabase(server, place, temporary, statements, both)
          return { archive, database: temporary }
        },
      },
      both,
    )
    if (!session) throw new Error('assertion failed: the database was made before it was filled')
    await assertSameRows(session, tables, ({ schema }) => schema, both)
    await assertSameObjects(session, request, scratch.connectionString, both)
    await session.close()
    await takeName({ server, place, clock: deps.world.clock }, { temporary, ...names }, both)
  } catch (error) {
    await session?.close()
    await dropTemporary(request, temporary)
    throw error
  }
  const placed = tables.map(({ schema, name: table, rows }) => {
    return { from: `${schema}.${table}`, schema, name: table, rows, replaced: undefined }
  })
  const whole = { kind: 'database', from: database, name, replaced: names.oldName } as const
  return { placed, wholes: [whole], objects, warnings }
}

export const databaseName = (database: string, destination: Destination): string =>
  destination.kind === 'as' ? destination.name : database

/** Changes nothing. Returns what the one is called afterwards that has the name. */
export async function assertDatabaseFree(
  server: Server,
  { name, destination }: { readonly name: string; readonly destination: Destination },
  signal: AbortSignal,
): Promise<Names> {
  const { databaseExists, mayCreate } = await readFacts(server, name, signal)
  if (!mayCreate)
    throw new Fault('POSTGRES_REFUSED', `the role "${server.user}" may not create databases`, {
      hint: `Connect as a superuser, or let it: ALTER ROLE "${server.user}" CREATEDB.`,
    })
  if (!databaseExists) return { name, oldName: undefined }
  if (destination.kind === 'replace') return { name, oldName: destination.oldSchema }
  throw new Fault('DATABASE_EXISTS', `there is a database "${name}" at ${server.where} already`, {
    hint: 'Bring it back beside, with --as NAME; or in its place, with --replace, which keeps the old one under another name.',
  })
}

async function clearOthers(
  server: Server,
  { live: place }: CopyRequest,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { kept } = await clearLeftovers(server, place, signal)
  return kept
}

/** Large objects are in no table. */
async function assertSameObjects(
  live: Server,
  { environment }: CopyRequest,
  scratch: string,
  signal: AbortSignal,
): Promise<void> {
  await using server = await connect(scratch, { environment }, signal)
  const [there, here] = await Promise.all([server, live].map(one => countObjects(one, signal)))
  if (there === here) return
  throw new Fault(
    'ROWS_DIFFER',
    `${String(here)} large objects are in the live server, and ${String(there)} in the scratch cluster`,
    { hint: 'Nothing was put in its place. Report this: it should not happen.' },
  )
}

async function countObjects(server: Server, signal: AbortSignal): Promise<number> {
  const [row] = await server.query<{ count: string }>(
    'SELECT pg_catalog.count(*) AS count FROM pg_catalog.pg_largeobject_metadata',
    [],
    signal,
  )
  return Number(row?.count)
}

/** With a connection and a limit of time of its own: the others may be what broke. */
async function dropTemporary({ live: place }: CopyRequest, temporary: string): Promise<void> {
  const signal = AbortSignal.timeout(limits.dumpCleanUpMsMax)
  await using server = await connectBeside(place, temporary, signal)
  await dropDatabase(server, place, temporary, signal)
}
