/**
 * A drill: a restore that is started, replayed, questioned and measured, then thrown away. It ends with a report, however it went;
 * only who stops it, or a mistake of ours, gets none. What it made is removed in any case.
 */
import { hostname, release, type as systemType } from 'node:os'
import type { Config } from '../../config/config.ts'
import { Fault, isFault } from '../../base/fault.ts'
import type { Log } from '../../base/log.ts'
import type { Progress } from '../../base/progress.ts'
import { seededRandom } from '../../base/seeded-random.ts'
import { formatDuration } from '../../base/units.ts'
import type { World } from '../../base/world.ts'
import type { DrillReport, DrillRowCount } from '../../repository/format/drill-record.ts'
import { drillIdOf } from '../../repository/layout.ts'
import { lastWordsOf } from '../scratch/scratch-server.ts'
import {
  makeScratchFolder,
  whatIsLeftOf,
  type DiscardVolume,
  type ScratchFolder,
  type ScratchVolume,
} from '../scratch/scratch-folder.ts'
import type { TargetPlace } from '../restore-dump/target-place.ts'
import { askAll } from './ask-all.ts'
import type { BringUpPlace } from './bring-up.ts'
import { Checklist, failed, ok } from './checklist.ts'
import { liveXid, lostSince } from './lost-since.ts'
import { PhaseMeter, wayBackMs } from './phase-meter.ts'
import type { Prepared } from './prepared.ts'
import { askPageChecksums } from './questions/page-checksums.ts'
import { questionsOf } from './questions.ts'
import { restoreBackup, type BroughtBack } from './restore-backup.ts'
import { restoreDumps } from './restore-dumps.ts'
import { drillSettings } from './settings.ts'
import { join } from 'node:path'

export interface DrillDeps {
  readonly world: World
  readonly progress: Progress
  readonly log: Log
  /** Processor time of this process. */
  readonly cpuMs: () => number
}

export interface DrillRequest extends Omit<BringUpPlace, 'scratch' | 'willMake' | 'owner' | 'settings'> {
  readonly identity: { readonly cluster: string; readonly systemIdentifier: string }
  readonly drills: Config['drills']
  /** The folder in which the scratch folder is made. */
  readonly place: string
  readonly account: { readonly userId: number; readonly groupId: number }
  readonly discard: DiscardVolume
  readonly memoryBytes: number
  readonly seed: number
  readonly targets: { readonly rtoMs: number | null; readonly rpoMs: number | null }
  readonly live: TargetPlace
  /** The one before this one. */
  readonly last: DrillReport | undefined
  /** The repository that was asked for, when none could be read. */
  readonly repository: string
  /** By whoever gave the command: there may be none of that name. */
  readonly isBackupNamed: boolean
  /** Chooses what is restored, and lays it out into this directory. */
  readonly prepare: (dataDirectory: string, signal: AbortSignal) => Promise<Prepared>
  readonly tool: string
}

/** What is known so far, however far it came. */
interface Course {
  prepared: Prepared | undefined
  brought: BroughtBack | undefined
  counts: readonly DrillRowCount[]
  lostMs: number | null
  fault: Fault | undefined
  readonly notes: string[]
}

export async function runDrill(
  deps: DrillDeps,
  request: DrillRequest,
  signal: AbortSignal,
): Promise<DrillReport> {
  const { clock } = deps.world
  const startedMs = clock.now()
  const begunMs = clock.monotonicMs()
  const id = drillIdOf(startedMs)
  const phases = new PhaseMeter(clock, deps.cpuMs)
  const checklist = new Checklist(questionsOf(request.drills), clock)
  const course: Course = {
    prepared: undefined,
    brought: undefined,
    counts: [],
    lostMs: null,
    fault: undefined,
    notes: [],
  }
  deps.log.info('drill.started', { drill: id })
  phases.begin('provisioning')
  const scratch = await makeScratchFolder({ ...request, purpose: 'drill' }, deps.world)
  const limit = AbortSignal.timeout(request.drills.timeLimit)
  let unremoved: readonly string[] = []
  try {
    await goThrough(
      deps,
      request,
      { scratch, phases, checklist, course, startedMs },
      AbortSignal.any([signal, limit]),
    )
  } catch (error) {
    signal.throwIfAborted()
    if (!course.prepared && isMistake(error, request)) throw error
    course.fault = limit.aborted ? tookTooLong(request.drills.timeLimit) : faultOf(error)
    const said = await lastWordsOf(join(scratch.path, 'run'))
    if (said !== undefined) deps.progress.note(`the end of the log of the drilled server:\n${said}`)
  } finally {
    phases.begin('removal')
    deps.progress.phase('removing what was made')
    unremoved = await scratch.remove()
  }
  const left = [...unremoved, ...(await whatIsLeftOf(scratch))]
  checklist.set(
    'nothing-left',
    left.length === 0 ? ok(`${scratch.path} and its server are gone`) : failed('something is left', left),
  )
  return reportOf(
    request,
    { id, startedMs, durationMs: clock.monotonicMs() - begunMs },
    { course, phases, checklist },
  )
}

interface Drilling {
  readonly scratch: ScratchFolder
  readonly phases: PhaseMeter
  readonly checklist: Checklist
  readonly course: Course
  readonly startedMs: number
}

async function goThrough(
  deps: DrillDeps,
  request: DrillRequest,
  { scratch, phases, checklist, course, startedMs }: Drilling,
  signal: AbortSignal,
): Promise<void> {
  const { world, progress, log } = deps
  const live = await liveXid(request.live, signal)
  const prepared = await request.prepare(join(scratch.path, 'data'), signal)
  course.prepared = prepared
  course.notes.push(...prepared.facts.notes)
  const place = {
    ...request,
    scratch: scratch.path,
    willMake: (volume: ScratchVolume) => scratch.willMake(volume),
    owner: scratch.owner,
    settings: drillSettings(request.memoryBytes),
  }
  const bringUp = { world, progress, log, phases }
  const brought =
    prepared.kind === 'dump'
      ? await restoreDumps(bringUp, prepared, place, signal)
      : await restoreBackup(bringUp, prepared, place, signal)
  course.brought = brought
  const { cluster } = brought
  course.notes.push(...cluster.notes)
  await using server = cluster.server
  course.lostMs =
    prepared.kind === 'dump' || !prepared.facts.isLatest ? null : lostSince(startedMs, live, cluster)
  if (prepared.kind === 'backup' && prepared.forget) {
    phases.begin('erasures')
    course.notes.push(...(await prepared.forget(server, signal)))
  }
  phases.begin('checks')
  progress.phase('asking questions')
  const { drills, environment, last } = request
  const random = seededRandom(request.seed)
  const context = { clock: world.clock, random, drills, environment, startedMs, live: request.live, last }
  course.counts = await askAll(checklist, cluster, prepared, context, signal)
  await server.stop()
  progress.phase('checking pages')
  const pages = { clock: world.clock, random, questionMs: drills.questionTime }
  await checklist.ask('page-checksums', () => askPageChecksums(cluster.dataDirectory, pages, signal), signal)
}

/** Of whoever gave the command: that is no drill which failed, and is told to nobody else. */
function isMistake(error: unknown, { isBackupNamed }: DrillRequest): boolean {
  return isFault(error, 'USAGE', 'CONFIG_INVALID') || (isBackupNamed && isFault(error, 'BACKUP_NOT_FOUND'))
}

function faultOf(error: unknown): Fault {
  if (isFault(error, 'SPACE'))
    return new Fault('SPACE', error.message, {
      hint: 'Name a folder with more room: `scratch` of `drills` in the configuration, or --scratch-dir DIR.',
      cause: error,
    })
  if (isFault(error)) return error
  throw error
}

const tookTooLong = (limitMs: number): Fault =>
  new Fault('FAILED', `the drill took longer than its limit of ${formatDuration(limitMs)}`, {
    hint: 'Raise drills.time_limit, or find out which phase takes so long: they stand in the report.',
  })

function reportOf(
  { identity, targets, workers, seed, repository, tool }: DrillRequest,
  {
    id,
    startedMs,
    durationMs,
  }: { readonly id: string; readonly startedMs: number; readonly durationMs: number },
  { course, phases, checklist }: Pick<Drilling, 'course' | 'phases' | 'checklist'>,
): DrillReport {
  const { prepared, brought, fault, lostMs, counts, notes } = course
  const answers = checklist.all('the drill was cut off before')
  const measured = phases.end()
  const isFailed = fault !== undefined || answers.some(({ state }) => state === 'failed')
  const facts = prepared?.facts
  const { location = '', backup = null, kind = null, takenAt = null } = facts ?? {}
  return {
    format: 1,
    ...identity,
    id,
    outcome: isFailed ? 'failed' : 'passed',
    host: hostname(),
    source: { repository: facts?.repository ?? repository, backup, kind, location, takenAt },
    target: facts?.target ?? { asked: '', time: null, lsn: null },
    reached: brought?.cluster.reached ?? null,
    startedAt: new Date(startedMs).toISOString(),
    endedAt: new Date(startedMs + durationMs).toISOString(),
    durationMs: Math.round(durationMs),
    phases: measured,
    sizes: {
      ...(facts?.sizes ?? noSizes),
      ...(brought?.storedBytes === undefined ? {} : { storedBytes: brought.storedBytes }),
    },
    workers,
    // What was cut off has not come back.
    rto: { actualMs: fault ? null : wayBackMs(measured), targetMs: targets.rtoMs },
    rpo: { actualMs: lostMs, targetMs: targets.rpoMs },
    checklist: answers,
    rowCounts: counts,
    notes,
    fault: fault ? { code: fault.code, message: fault.message, hint: fault.hint } : null,
    versions: {
      postgres: brought?.cluster.version ?? '',
      node: process.versions.node,
      system: `${systemType()} ${release()}`,
    },
    seed: seed.toString(16).padStart(8, '0'),
    tool,
  }
}

const noSizes = { rawBytes: 0, storedBytes: 0, walBytes: 0 }
