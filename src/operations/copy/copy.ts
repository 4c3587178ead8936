/**
 * `copy`: fills one repository from another, without PostgreSQL. A pure plan says what is copied and why; this carries it out.
 *
 * It may be cut off at any moment and run again: objects appear whole or not at all, a backup exists when its `backup.json`
 * does, and that comes last.
 */
import { Fault, isFault } from '../../base/fault.ts'
import type { Log } from '../../base/log.ts'
import type { Progress } from '../../base/progress.ts'
import type { World } from '../../base/world.ts'
import { nameOfCommit } from '../../repository/commit-record.ts'
import type { DrillSummary } from '../../repository/format/drill-record.ts'
import { assertSameCluster, initRepository, openRepository } from '../../repository/repository.ts'
import { backupShelf, dumpShelf, shelfOf, type Shelf } from '../../repository/shelf.ts'
import type { Storage } from '../../storage/storage.ts'
import { checkWal } from './check-wal.ts'
import { copyCommit } from './copy-commit.ts'
import { arrivalAt, type Arrival } from './copy-object.ts'
import type { CopyRun } from './copy-run.ts'
import { copyDrills, drillsToCopy } from './copy-drills.ts'
import { copyErasures, erasuresToCopy } from './copy-erasures.ts'
import { copyManaged, isManagedId, managedToCopy } from './copy-managed.ts'
import { copyTrails, noTrails, trailsToCopy } from './copy-trails.ts'
import { copyWal } from './copy-wal.ts'
import {
  noDumps,
  nothingHeld,
  nothingThere,
  readDumpHoldings,
  readHeld,
  readHeldDumps,
  readHoldings,
  type HeldDumps,
  type Holdings,
  type WalScope,
} from './holdings.ts'
import { findCold, leaveCold } from './leave-cold.ts'
import { planCopy, type CopyPlan, type CopyRequest, type CopyStep } from './plan.ts'
import type { DumpsToCopy } from './plan-dumps.ts'
import type { Offered, Unwanted } from './retention.ts'
import {
  CopyTally,
  drillStep,
  managedStep,
  problemOf,
  smallSteps,
  summaryOf,
  type CopyReport,
} from './report.ts'
import { rewrappingFor, type CopySide, type SealingSide } from './sides.ts'

export interface CopyDeps {
  readonly world: World
  readonly progress: Progress
  readonly log: Log
  readonly from: CopySide
  readonly to: CopyDestination
  /** Other repositories, opened when the source's object is damaged or missing. Those that can not be opened are left out. */
  readonly others: () => AsyncIterable<CopySide>
}

/** A place that may hold no repository yet. */
export type CopyDestination = SealingSide & { readonly storage: Storage }

export type CopyOptions = Pick<CopyRequest, 'ids' | 'wal' | 'backups'> & {
  readonly dumps: boolean
  readonly dryRun: boolean
  /** For a copy that goes on: only WAL behind this key, and nothing is looked at twice. */
  readonly since?: WalScope | undefined
  /** What failed a while ago, as problems name it: not tried again yet. */
  readonly avoided?: ReadonlySet<string> | undefined
  /** What of the source the destination would not keep. */
  readonly unwantedOf?: ((source: Offered) => Unwanted) | undefined
}

/** Once: opens the destination, and brings over what it lacks. */
export async function copyRepository(
  deps: CopyDeps,
  options: CopyOptions,
  signal: AbortSignal,
): Promise<CopyReport> {
  return copyPass(deps, await openDestination(deps, options.dryRun, signal), options, signal)
}

/** A destination that was looked at: who copies again and again does this now and then. */
export interface OpenDestination {
  readonly isVerbatim: boolean
  /** `undefined`: there is none yet, and this is a dry run. */
  readonly side: CopySide | undefined
  readonly arrival: Arrival
}

export async function copyPass(
  deps: CopyDeps,
  destination: OpenDestination,
  options: CopyOptions,
  signal: AbortSignal,
): Promise<CopyReport> {
  const { world, progress, from, log } = deps
  const startedMs = world.clock.monotonicMs()
  progress.phase('comparing')
  const wanted = await makePlan(deps, destination, options, signal)
  const { plan, cold } = leaveCold(wanted, await findCold(deps, wanted, signal))
  const tally = new CopyTally()
  for (const { what, why } of plan.impossible) tally.problems.push(problemOf(what, impossible(what, why)))
  // A look for what is new leaves them for the next look at everything.
  const managed =
    options.backups && options.since === undefined
      ? await managedToCopy(from, destination.side?.repository, options.ids, signal)
      : { missing: [], problems: [] }
  tally.problems.push(...managed.problems)
  if (destination.side && !options.dryRun) {
    await copyManaged(destination.side, managed.missing, signal)
    tally.managed.push(...managed.missing.map(({ id }) => id))
  }
  // Whatever else is wanted: a repository that holds backups has to know whom a restore must not bring back.
  const erasures = options.since === undefined ? await erasuresToCopy(from, destination.side, signal) : []
  // Single backups go without; the next look at everything brings what was entered.
  const isOfTrails = (options.ids ?? options.since) === undefined
  const trails = isOfTrails ? await trailsToCopy(from, destination.side ?? deps.to, signal) : noTrails
  if (destination.side && !options.dryRun) {
    const sides = { from, to: destination.side, arrival: destination.arrival }
    const { objects, bytes, problems } = await copyErasures(sides, erasures, progress, signal)
    tally.addErasures(objects, bytes)
    const copied = await copyTrails(sides, trails, progress, signal)
    tally.trails += copied.objects
    tally.problems.push(...problems, ...copied.problems)
  }
  if (destination.side && !options.dryRun && plan.steps.length > 0) {
    const run = runOf(deps, destination.side, destination.arrival, tally)
    if (plan.totals.bytes > 0) progress.phase('copying', plan.totals.bytes)
    for (const step of plan.steps) await carryOut(run, step, signal)
  }
  // A look for what is new leaves them for the next look at everything, too.
  const isOfAll = options.backups && options.dumps && (options.ids ?? options.since) === undefined
  const unwanted = (found: readonly DrillSummary[]): ReadonlySet<string> =>
    new Set(options.unwantedOf?.({ backups: [], drills: found }).unwanted?.keys())
  const drills = isOfAll ? await drillsToCopy(from, destination.side, unwanted, signal) : []
  if (destination.side && !options.dryRun) {
    const copy = { world, progress, from, to: destination.side, arrival: destination.arrival }
    tally.addDrills(await copyDrills(copy, drills, signal))
  }
  const report: CopyReport = {
    from: from.name,
    to: deps.to.name,
    isDryRun: options.dryRun,
    steps: [
      ...summaryOf(plan),
      ...managed.missing.map(managedStep),
      ...smallSteps('erasures', erasures),
      ...smallSteps('trails', trails.missing),
      ...drills.map(drillStep),
    ],
    totals: plan.totals,
    copied: tally.totals,
    left: [...plan.left, ...trails.left],
    cold,
    problems: tally.problems,
    durationMs: world.clock.monotonicMs() - startedMs,
  }
  const { backups, dumps, walFiles, bytes } = report.copied
  const counts = { backups: backups.length, dumps: dumps.length, walFiles, bytes }
  log.info('copy.finished', { from: from.name, to: deps.to.name, ...counts })
  return report
}

/** Makes the records that are missing; a dry run only looks. Refuses what can not be copied at all. */
export async function openDestination(
  { world, from, to }: CopyDeps,
  dryRun: boolean,
  signal: AbortSignal,
): Promise<OpenDestination> {
  const isVerbatim = rewrappingFor(from, to) === undefined
  const { identity } = from.repository
  if (!dryRun) await initRepository(to.storage, identity, world, signal)
  try {
    const repository = await openRepository(to.storage, identity.cluster, signal)
    assertSameCluster(to.storage, repository.identity, identity)
    return { isVerbatim, side: { ...to, repository }, arrival: await arrivalAt(to.storage, signal) }
  } catch (error) {
    if (!dryRun || !isFault(error, 'REPOSITORY_MISSING')) throw error
    return { isVerbatim, side: undefined, arrival: 'read back' }
  }
}

async function makePlan(
  { from }: CopyDeps,
  { side, isVerbatim }: OpenDestination,
  { since, unwantedOf, avoided, ...given }: CopyOptions,
  signal: AbortSignal,
): Promise<CopyPlan> {
  const isQuick = since !== undefined
  const { dumps: isOfDumps, ...options } = narrowed(given)
  const isOfWal = options.wal || options.backups
  // The destination first: what comes into the source meanwhile is then seen as missing; the other way round it would not be.
  const destination =
    side && isOfWal ? await readHeld(side.repository, { ...since, isQuick }, signal) : nothingHeld
  const heldDumps = side && isOfDumps ? await readHeldDumps(side.repository, signal) : new Set<string>()
  const source = isOfWal
    ? without(await readHoldings(from.repository, since ?? {}, signal), avoided)
    : nothingThere
  const dumps = isOfDumps ? withoutDumps(await readDumpHoldings(from.repository, signal), avoided) : noDumps
  assertKnown(options.ids, [...source.backups, ...source.others, ...dumps.dumps, ...dumps.others], from)
  const segmentSizeBytes = from.repository.identity.walSegmentSizeBytes
  const ofDumps: DumpsToCopy = { source: dumps, destination: heldDumps }
  const request = { source, destination, segmentSizeBytes, isVerbatim, recheck: !isQuick, ...options }
  return planCopy({ ...request, dumps: ofDumps, ...unwantedOf?.({ ...source, dumps: dumps.dumps }) })
}

/** Of ids only what they are of is looked at. */
function narrowed({ ids, backups, dumps, ...rest }: CopyOptions): CopyOptions {
  const isAsked = (shelf: Shelf): boolean => ids?.some(id => shelfOf(id) === shelf) ?? true
  return { ...rest, ids, backups: backups && isAsked(backupShelf), dumps: dumps && isAsked(dumpShelf) }
}

function without(source: Holdings, avoided: ReadonlySet<string> | undefined): Holdings {
  if (!avoided?.size) return source
  return {
    backups: source.backups.filter(notIn(avoided)),
    others: source.others.filter(notIn(avoided)),
    wal: new Map([...source.wal].filter(([, { key }]) => !avoided.has(key))),
  }
}

function withoutDumps(held: HeldDumps, avoided: ReadonlySet<string> | undefined): HeldDumps {
  if (!avoided?.size) return held
  return { dumps: held.dumps.filter(notIn(avoided)), others: held.others.filter(notIn(avoided)) }
}

const notIn =
  (avoided: ReadonlySet<string>) =>
  ({ id }: { readonly id: string }): boolean =>
    !avoided.has(nameOfCommit(id))

function runOf(
  { world, progress, from, others }: CopyDeps,
  to: CopySide,
  arrival: Arrival,
  tally: CopyTally,
): CopyRun {
  const sources = async function* (): AsyncGenerator<CopySide, void, undefined> {
    yield from
    yield* others()
  }
  return {
    world,
    progress,
    from,
    to,
    arrival,
    tally,
    failedWal: new Set(),
    failedBackups: new Set(),
    sources,
  }
}

async function carryOut(run: CopyRun, step: CopyStep, signal: AbortSignal): Promise<void> {
  switch (step.kind) {
    case 'wal':
      await copyWal(run, step.files, signal)
      return
    case 'check':
      await checkWal(run, step.files, signal)
      return
    case 'backup':
    case 'dump':
      await copyCommit(run, step, signal)
  }
}

function assertKnown(
  ids: readonly string[] | undefined,
  there: readonly { readonly id: string }[],
  from: CopySide,
): void {
  const known = new Set(there.map(({ id }) => id))
  const unknown = ids?.find(id => !known.has(id) && !isManagedId(id))
  if (unknown === undefined) return
  throw new Fault('BACKUP_NOT_FOUND', `there is no ${nameOfCommit(unknown)} in "${from.name}"`, {
    hint: `Run \`holdfast list --repository ${from.name}\` to see the ids.`,
  })
}

function impossible(what: string, why: string): Fault {
  return new Fault('OBJECT_MISSING', `${what} can not be copied: ${why}`, {
    hint: 'Run `holdfast verify` on the source, and `holdfast repair` when another repository has what it lacks.',
  })
}
