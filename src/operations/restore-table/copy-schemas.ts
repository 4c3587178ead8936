/**
 * Whole schemas of a scratch cluster, into the live server: all that pg_dump gives of them, and the extensions that lie in them.
 *
 * They are loaded under the names that they are to have, since functions name them in their texts. Only one that takes the
 * place of another is loaded under a name of its own, and both are renamed in one transaction.
 */
import { limits } from '../../base/limits.ts'
import { connect, type Server } from '../../postgres/connection.ts'
import { quoteIdentifier } from '../../postgres/dump-archive/database-statements.ts'
import type { RestoreDeps } from '../restore/layout.ts'
import { connectToChange } from '../restore-dump/target-place.ts'
import { allLeaningOn, needsOf, rootsOfSchemas } from './belongings.ts'
import { beginCopying, kindsOf, type Copied, type CopyRequest, type Proven } from './copied.ts'
import { assertNeedsMet, goneToo } from './live-needs.ts'
import { assertSchemasFree, namesOf, swapSchemas, type SchemaNames } from './live-schemas.ts'
import { addForeignKeys, assertSameRows } from './live-tables.ts'
import { passThrough } from './pass-through.ts'
import { extensionsIn, findSchemas, type ScratchSchema } from './scratch-schemas.ts'
import { takeForeignKeys } from './scratch-tables.ts'

export async function copySchemas(
  deps: Pick<RestoreDeps, 'progress' | 'world'>,
  request: CopyRequest,
  { scratch, tables }: Proven,
  signal: AbortSignal,
): Promise<Copied> {
  const { live: place, database, destination, environment, scope } = request
  await using live = await connectToChange(place, database, signal)
  await using server = await connect(scratch.connectionString, { environment }, signal)
  const schemas = await findSchemas(server, scope.kind === 'schemas' ? scope.patterns : [], signal)
  const names = await namesOf(live, schemas, request, signal)
  const extensions = await extensionsIn(server, schemas, signal)
  await assertSchemasFree(live, names, { destination, extensions }, signal)
  const oids = schemas.map(({ oid }) => oid)
  const roots = await rootsOfSchemas(server, oids, signal)
  const leaning = await allLeaningOn(server, roots, signal)
  for (const { from, loaded } of names)
    if (from !== loaded)
      await server.query(
        `ALTER SCHEMA ${quoteIdentifier(from)} RENAME TO ${quoteIdentifier(loaded)}`,
        [],
        signal,
      )
  const keys = await takeForeignKeys(
    server,
    tables.map(({ oid }) => oid),
    'to others',
    signal,
  )
  await assertNeedsMet(live, await needsOf(server, roots, signal), signal)
  const advance = beginCopying(deps, 'the schema')
  const loadedAs = new Map(names.map(({ from, loaded }) => [from, loaded]))
  const made: string[] = []
  let objects: Readonly<Record<string, number>> = {}
  try {
    await passThrough(
      request,
      { scratch, live },
      {
        what: 'the schema',
        advance,
        dumpArguments: [
          ...names.map(({ loaded }) => `--schema=${quoteIdentifier(loaded)}`),
          ...extensions.map(({ name }) => `--extension=${quoteIdentifier(name)}`),
        ],
        inOneTransaction: true,
        prepare: async archive => {
          objects = kindsOf(archive)
          for (const [i, schema] of schemas.entries())
            if (await makeSchema(live, schema, names[i], signal)) made.push(names[i]?.loaded ?? '')
          // It is there already: pg_dump never makes the schema public, and one may be there, empty.
          return {
            archive: { ...archive, entries: archive.entries.filter(({ kind }) => kind !== 'SCHEMA') },
            database,
          }
        },
      },
      signal,
    )
    await assertSameRows(live, tables, ({ schema }) => loadedAs.get(schema) ?? schema, signal)
    const leftOut = await addForeignKeys(
      { live, clock: deps.world.clock, progress: deps.progress },
      keys,
      signal,
    )
    await swapSchemas(live, names, signal)
    const gone = destination.kind === 'own' ? await goneToo(live, leaning, signal) : []
    const as = new Map(names.map(({ from, to }) => [from, to]))
    return {
      placed: tables.map(({ schema, name, rows }) => ({
        from: `${schema}.${name}`,
        schema: as.get(schema) ?? schema,
        name,
        rows,
        replaced: undefined,
      })),
      wholes: names.map(({ from, to, replaced }) => ({ kind: 'schema', from, name: to, replaced })),
      objects,
      warnings: [...leftOut, ...gone],
    }
  } catch (error) {
    await dropMade(request, made)
    throw error
  }
}

/** With its owner and privileges. Returns whether it was made; an empty one of this name is used as it is. */
async function makeSchema(
  live: Server,
  { owner, grants }: ScratchSchema,
  names: SchemaNames | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  if (names === undefined || names.isThere) return false
  const schema = quoteIdentifier(names.loaded)
  await live.query(
    [
      `CREATE SCHEMA ${schema} AUTHORIZATION ${quoteIdentifier(owner)}`,
      ...grants.map(({ privilege, to }) => `GRANT ${privilege} ON SCHEMA ${schema} TO ${to}`),
    ].join('; '),
    [],
    signal,
  )
  return true
}

/** With a connection and a limit of time of its own: the other may be what broke. */
async function dropMade({ live: place, database }: CopyRequest, made: readonly string[]): Promise<void> {
  if (made.length === 0) return
  const signal = AbortSignal.timeout(limits.dumpCleanUpMsMax)
  await using live = await connectToChange(place, database, signal)
  for (const name of made)
    await live.query(`DROP SCHEMA IF EXISTS ${quoteIdentifier(name)} CASCADE`, [], signal)
}
