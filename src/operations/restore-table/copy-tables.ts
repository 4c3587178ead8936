/** Tables of a scratch cluster, into the live server: into a schema that nobody looks at, then to where they belong. */
import { Fault, messageOf } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import { connect, type Server } from '../../postgres/connection.ts'
import { quoteIdentifier } from '../../postgres/dump-archive/database-statements.ts'
import type { RestoreDeps } from '../restore/layout.ts'
import { connectToChange } from '../restore-dump/target-place.ts'
import { allLeaningOn, needsOf, rootsOfTables } from './belongings.ts'
import { beginCopying, type Copied, type CopyRequest, type Proven } from './copied.ts'
import { assertNeedsMet, goneToo } from './live-needs.ts'
import {
  addForeignKeys,
  assertFree,
  assertSameRows,
  putInPlace,
  type Destination,
  type Placed,
} from './live-tables.ts'
import { passThrough } from './pass-through.ts'
import { copyRows, findLargeTables } from './copy-rows.ts'
import { clearStaging, makeStaging } from './staging-leftovers.ts'
import { gatherTables, type ScratchTable, type Severed } from './scratch-tables.ts'
import { assertNamesApart, stagingOf, type Staging } from './staging.ts'

export async function copyTables(
  deps: Pick<RestoreDeps, 'progress' | 'world'>,
  request: CopyRequest,
  { scratch, tables }: Proven,
  signal: AbortSignal,
): Promise<Copied> {
  const { live: place, database, destination, environment } = request
  const staging = stagingOf(tables, request)
  await using live = await connectToChange(place, database, signal)
  const locks = { live, clock: deps.world.clock, progress: deps.progress }
  await assertFree(live, tables, destination, signal)
  assertOneForAs(tables, destination)
  await using server = await connect(scratch.connectionString, { environment }, signal)
  await assertNamesApart(server, tables, staging, signal)
  const roots = rootsOfTables(tables.map(({ oid }) => oid))
  const leaning = await allLeaningOn(server, roots, signal)
  const { keys, statistics, severed } = await gatherTables(server, tables, staging, signal)
  const needs = await needsOf(server, roots, signal)
  // Where they lie at this moment is nobody's business.
  const withoutStaging = (name: string): string =>
    staging.schemas.reduce((text, schema) => text.replaceAll(`${schema}.`, ''), name)
  const told = needs.map(need => ({ ...need, by: withoutStaging(need.by) }))
  await assertNeedsMet(live, told, signal)
  const advance = beginCopying(deps, 'the tables')
  const large = await findLargeTables(server, tables, signal)
  const rows = { large, tables, advance, clock: deps.world.clock }
  await clearStaging(live, signal)
  try {
    for (const schema of staging.schemas) await makeStaging(live, schema, signal)
    await passThrough(
      request,
      { scratch, live },
      {
        what: 'the tables',
        advance,
        dumpArguments: [
          ...staging.schemas.map(schema => `--table=${quoteIdentifier(schema)}.*`),
          ...large.map(({ place: name }) => `--exclude-table-data=${name}`),
        ],
        inOneTransaction: true,
        apart: large.length === 0 ? undefined : () => copyRows(request, { scratch, live }, rows, signal),
        drained: () => {
          scratch.end()
        },
        prepare: archive => Promise.resolve({ archive, database }),
      },
      signal,
    )
    const others = tables.filter(({ oid }) => !large.some(each => each.oid === oid))
    await assertSameRows(live, others, table => staging.of(table), signal)
    for (const { statements } of statistics) await live.query(statements.join('; '), [], signal)
    const leftOut = await addForeignKeys(locks, keys, signal)
    const placed = await putInPlace(locks, tables, { staging, destination, statistics }, signal)
    const gone = await goneToo(live, leaning, signal)
    return { placed, wholes: [], warnings: [...leftOut, ...partingsOf(tables, severed, placed), ...gone] }
  } catch (error) {
    // What went wrong is told, whatever becomes of this.
    await dropStaging(request, staging).catch((left: unknown) => {
      deps.progress.note(`${staging.schemas.join(', ')} could not be dropped: ${messageOf(left)}`)
    })
    throw error
  }
}

/** How a partition gets back to the table that it was one of. */
function partingsOf(
  tables: readonly ScratchTable[],
  severed: readonly Severed[],
  placed: readonly Placed[],
): readonly string[] {
  return severed.flatMap(({ oid, parent, bound }) => {
    const { schema, name } = placed[tables.findIndex(table => table.oid === oid)] ?? {}
    if (schema === undefined || name === undefined) return []
    const table = `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`
    return bound === null
      ? [`${table} stands by itself now; it inherited from ${parent}: ALTER TABLE ${table} INHERIT ${parent}`]
      : [
          `${table} stands by itself now; it was a partition of ${parent}: ALTER TABLE ${parent} ATTACH PARTITION ${table} ${bound}`,
        ]
  })
}

function assertOneForAs(tables: readonly ScratchTable[], destination: Destination): void {
  if (destination.kind === 'as' && tables.length > 1)
    throw new Fault('USAGE', `--as names one table, and these are ${String(tables.length)}`, {
      hint: 'Use --into SCHEMA, where all keep their names.',
    })
}

/** With a connection and a limit of time of its own: the other may be what broke. */
async function dropStaging({ live: place, database }: CopyRequest, { schemas }: Staging): Promise<void> {
  const signal = AbortSignal.timeout(limits.dumpCleanUpMsMax)
  await using live: Server = await connectToChange(place, database, signal)
  for (const schema of schemas)
    await live.query(`DROP SCHEMA IF EXISTS ${quoteIdentifier(schema)} CASCADE`, [], signal)
}
