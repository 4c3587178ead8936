/**
 * Restores a dumped database: beside whatever is there, under a temporary name, which it gives up for its own only when all
 * is in it and has been counted. However it ends, nothing half done is left.
 */
import { Fault, isFault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { Server } from '../../postgres/connection.ts'
import type { Trouble } from '../sources/trouble.ts'
import { closeDatabase } from './closed-database.ts'
import { countRows, type RowDifference } from './count-rows.ts'
import type { RestoreDumpDeps, RestoreDumpPlan } from './lay-out.ts'
import { load, type LoadTimes } from './load.ts'
import { dropDatabase } from './drop-database.ts'
import { takeName } from './take-name.ts'
import { connectBeside, connectIn, type TargetPlace } from './target-place.ts'
import { clearLeftovers, createDatabase } from './target-server.ts'

export interface RestoreDumpReport {
  readonly dump: string
  readonly from: string
  readonly database: string
  readonly where: string
  readonly bytes: number
  readonly tables: number
  readonly rows: number
  readonly largeObjects: number
  /** Roles. */
  readonly globals: { readonly created: readonly string[]; readonly existing: readonly string[] } | undefined
  readonly replaced: { readonly sessionsEnded: number; readonly keptAs: string | undefined } | undefined
  /** Databases of earlier restores that were killed. */
  readonly leftoversDropped: readonly string[]
  readonly warnings: readonly string[]
  readonly passedOver: readonly Trouble[]
  readonly times: LoadTimes & { readonly countMs: number }
  readonly durationMs: number
}

export async function restoreDump(
  deps: RestoreDumpDeps,
  plan: RestoreDumpPlan,
  signal: AbortSignal,
): Promise<RestoreDumpReport> {
  const { world, progress, place, troubles } = deps
  const { request, temporary, oldName } = plan
  const begunMs = world.clock.monotonicMs()
  await using server = await connectBeside(place, request.name, signal)
  // A connection that breaks ends everything, not just what is asked next.
  const both = AbortSignal.any([signal, server.lost])
  const leftovers = await clearLeftovers(server, place, both)
  for (const name of leftovers.dropped)
    progress.note(`dropped ${name}, which a restore that was killed had left behind`)
  await restoreGlobals(server, plan, both)
  let isThere = true
  try {
    progress.phase('making the database')
    const times = await fill(deps, plan, server, both)
    const warnings = [...leftovers.kept]
    progress.phase(`naming it ${request.name}`)
    const names = { temporary, name: request.name, oldName }
    const { ended } = await takeName({ server, place, clock: world.clock }, names, both)
    isThere = false
    const dropped =
      oldName === undefined || request.keepOld || (await dropOld(server, place, oldName, warnings))
    return {
      ...reportOf(plan),
      replaced:
        oldName === undefined
          ? undefined
          : { sessionsEnded: ended, keptAs: request.keepOld || !dropped ? oldName : undefined },
      leftoversDropped: leftovers.dropped,
      warnings,
      passedOver: troubles.all(),
      times,
      durationMs: world.clock.monotonicMs() - begunMs,
    }
  } catch (error) {
    const keep = request.keepDifferent && isFault(error, 'ROWS_DIFFER')
    if (isThere && !keep) await cleanUp(deps, plan)
    throw error
  }
}

/** All in one transaction: half of the roles would be none that anybody asked for. */
async function restoreGlobals(
  server: Server,
  { globals }: RestoreDumpPlan,
  signal: AbortSignal,
): Promise<void> {
  if (!globals || globals.statements.length === 0) return
  await server.query(globals.statements.join(';\n'), [], signal)
}

async function fill(
  deps: RestoreDumpDeps,
  plan: RestoreDumpPlan,
  server: Server,
  signal: AbortSignal,
): Promise<RestoreDumpReport['times']> {
  const { place, progress, world } = deps
  // Kept open to the end: it shows others that this database is being worked on.
  await using session = await createDatabase(server, place, plan.temporary, plan.statements, signal)
  const all = AbortSignal.any([signal, session.lost])
  const open = deps.beforeNaming && (await closeDatabase(server, plan.temporary, all))
  const times = await load(deps, plan, all)
  progress.phase('counting rows')
  const countedMs = world.clock.monotonicMs()
  const sessions: Server[] = [session]
  try {
    while (sessions.length < Math.min(plan.request.jobs, plan.expected.length))
      sessions.push(await connectIn(place, plan.temporary, all))
    const differences = await countRows(sessions, plan.expected, all)
    if (differences.length > 0) throw rowsDiffer(plan, differences)
  } finally {
    for (const other of sessions.slice(1)) await other.close()
  }
  const countMs = world.clock.monotonicMs() - countedMs
  await deps.beforeNaming?.(stop => connectIn(place, plan.temporary, stop), all)
  await open?.(all)
  return { ...times, countMs }
}

/** With a connection and a limit of time of its own: the others may be what broke. */
async function cleanUp({ place, progress }: RestoreDumpDeps, plan: RestoreDumpPlan): Promise<void> {
  const signal = AbortSignal.timeout(limits.dumpCleanUpMsMax)
  try {
    await using server = await connectBeside(place, plan.request.name, signal)
    await dropDatabase(server, place, plan.temporary, signal)
  } catch (error) {
    progress.note(
      `the temporary database ${plan.temporary} could not be dropped (${error instanceof Error ? error.message : ''}); the next restore-dump does it`,
    )
  }
}

async function dropOld(
  server: Server,
  place: TargetPlace,
  oldName: string,
  warnings: string[],
): Promise<boolean> {
  try {
    await dropDatabase(server, place, oldName, AbortSignal.timeout(limits.dumpCleanUpMsMax))
    return true
  } catch (error) {
    warnings.push(
      `the database that was replaced is still there as "${oldName}", until the next restore-dump drops it: ${error instanceof Error ? error.message : ''}`,
    )
    return false
  }
}

function reportOf({
  request,
  record,
  database,
  where,
  bytes,
  expected,
  part,
  contents,
  globals,
}: RestoreDumpPlan): Omit<
  RestoreDumpReport,
  'replaced' | 'leftoversDropped' | 'warnings' | 'passedOver' | 'times' | 'durationMs'
> {
  const chosen = new Set(part.withData.map(({ dumpId }) => dumpId))
  const objects = contents.data.filter(({ table, dumpId }) => table === null && chosen.has(dumpId))
  return {
    dump: record.id,
    from: database.name,
    database: request.name,
    where,
    bytes,
    tables: expected.length,
    rows: expected.reduce((sum, { rows }) => sum + rows, 0),
    largeObjects: objects.reduce((sum, { rows }) => sum + rows, 0),
    globals: globals && { created: globals.created, existing: globals.existing },
  }
}

const differencesTold = 20

function rowsDiffer({ request, temporary }: RestoreDumpPlan, differences: readonly RowDifference[]): Fault {
  const told = differences
    .slice(0, differencesTold)
    .map(
      ({ schema, table, dumped, restored }) =>
        `${schema}.${table}: ${String(dumped)} dumped, ${String(restored)} restored`,
    )
  const more =
    differences.length > differencesTold ? `; and ${String(differences.length - differencesTold)} more` : ''
  return new Fault(
    'ROWS_DIFFER',
    `${String(differences.length)} restored tables do not have the rows that were dumped: ${told.join('; ')}${more}`,
    {
      hint: request.keepDifferent
        ? `It is kept as "${temporary}". Look into the log of the server for what changed the rows.`
        : 'It was dropped again. To look at it, restore with --keep-different; the log of the server may tell what changed the rows.',
    },
  )
}
