/** `status`: every repository, and the server, at a glance. */
import type { World } from '../../base/world.ts'
import type { OwedFacts } from '../wal-push/owed.ts'
import { describePlace } from './describe-place.ts'
import { describeServer } from './describe-server.ts'
import { readEndings } from './endings.ts'
import { ofEndings } from './judge-endings.ts'
import { exposuresOf, type Exposure } from './exposure.ts'
import { readPlace, type PlaceFacts, type StatusPlace } from './facts.ts'
import { leastExposure, ofRpo } from './judge-rpo.ts'
import { ofJobs, type KnownMemories, type StatedJob, type Trace } from './judge-jobs.ts'
import { forecastFrom, ofRto, thawOf } from './judge-rto.ts'
import { ofClock, ofOtherCluster, ofServer, ofUnseenServer } from './judge-server.ts'
import { judgePlaces, stateOf } from './judge.ts'
import { readServer, type SeenServer, type ServerSight, type ServerToSee } from './server.ts'
import { builtInPrices, type PriceTable } from '../../policy/cost/prices.ts'
import type { RtoForecast } from '../../policy/rto/forecast-rto.ts'
import type { Rpo, Rto, StatusReport } from './status.ts'
import type { StatusFinding } from '../../policy/findings/finding.ts'

export interface StatusDeps {
  readonly world: Pick<World, 'clock'>
  readonly places: readonly StatusPlace[]
  readonly server?: ServerToSee | undefined
  /** Undefined where it can not be told. */
  readonly readOwed?: () => Promise<readonly OwedFacts[] | undefined>
  readonly objectives?: Objectives
  /** What runs by itself. */
  readonly jobs?: readonly StatedJob[]
  /** What the agent remembers of it. */
  readonly readMemories?: () => Promise<KnownMemories>
  /** How long a thaw takes, where the newest backup lies in the cold; absent: as Holdfast comes with it. */
  readonly readPrices?: () => Promise<PriceTable>
}

/** In milliseconds. */
export interface Objectives {
  readonly rpo?: number | undefined
  readonly rto?: number | undefined
}

/** All are asked at the same time: who is dead hides none of the others, and keeps nobody waiting for long. */
export async function readStatus(
  {
    world,
    places,
    server: toSee,
    readOwed,
    objectives = {},
    jobs = [],
    readMemories,
    readPrices,
  }: StatusDeps,
  signal: AbortSignal,
): Promise<StatusReport> {
  const [owed, memories, server, ...facts] = await Promise.all([
    readOwed?.(),
    readMemories?.(),
    toSee && readServer(toSee, world, signal),
    ...places.map(place => readPlace(place, world, signal)),
  ])
  const [exposures, endings] = await Promise.all([
    exposuresOf(facts, server, world.clock, signal),
    readEndings(places, world, signal),
  ])
  const nowMs = world.clock.now()
  const isScheduled = jobs.some(({ job: { kind } }) => kind === 'backup' || kind === 'snapshot')
  const judged = judgePlaces(facts, nowMs, { owed, isScheduled })
  const seen = facts.filter(place => place.fault === undefined)
  const isAnyCold = seen.some(({ cold }) => cold !== undefined)
  const thaw = isAnyCold ? thawOf(seen, (await readPrices?.()) ?? builtInPrices) : undefined
  const forecast = forecastFrom(seen, thaw)
  const findings = [
    ...judged.flatMap(place => place.findings),
    ...ofEndings(endings, nowMs),
    ...ofRpo(written(facts, exposures), objectives.rpo),
    ...ofRto(forecast, objectives.rto, thaw),
    ...ofJobs(jobs, memories, tracesIn(facts), nowMs),
    ...(server ? ofSight(server, facts) : []),
  ]
  const repositories = judged.map(place => ({
    ...describePlace(place, nowMs),
    rpo: rpoOf(exposures.get(place.facts.place.name)),
  }))
  return {
    state: stateOf(judged, findings),
    checkedAt: new Date(nowMs).toISOString(),
    objectives: {
      rpo: {
        targetSeconds: secondsOf(objectives.rpo),
        ...(rpoOf(leastExposure(exposures.values())) ?? { actualSeconds: null, isUpperBound: false }),
      },
      rto: { targetSeconds: secondsOf(objectives.rto), ...rtoOf(forecast) },
    },
    server: server ? describeServer(server) : null,
    repositories,
    isOwedKnown: owed !== undefined,
    findings: [
      ...findings.filter(({ state }) => state === 'critical'),
      ...findings.filter(({ state }) => state === 'warning'),
    ],
  }
}

/** One that nothing is written to any more promises nothing. */
function written(
  facts: readonly PlaceFacts[],
  exposures: ReadonlyMap<string, Exposure>,
): ReadonlyMap<string, Exposure> {
  const idle = new Set(facts.filter(({ place }) => place.role === 'idle').map(({ place }) => place.name))
  return new Map([...exposures].filter(([name]) => !idle.has(name)))
}

function ofSight(server: ServerSight, facts: readonly PlaceFacts[]): readonly StatusFinding[] {
  if (server.fault === undefined) return ofSeenServer(server, facts)
  return isByVendorAlone(facts) ? [] : ofUnseenServer(server)
}

/** What a vendor makes snapshots of needs no look into the server, which may well be out of reach from here. */
function isByVendorAlone(facts: readonly PlaceFacts[]): boolean {
  const seen = facts.filter(place => place.fault === undefined)
  return seen.some(({ managed }) => managed !== undefined) && seen.every(({ wal }) => wal.size === 0)
}

/** Who takes nothing but dumps, or snapshots of a managed server, has no use for an archiver. */
function ofSeenServer(server: SeenServer, facts: readonly PlaceFacts[]): readonly StatusFinding[] {
  const isArchiving = facts.some(place => place.fault === undefined && place.wal.size > 0)
  return [
    ...ofServer(server, isArchiving),
    ...ofOtherCluster(server, facts),
    ...ofClock('the server', null, server.clockAheadMs),
  ]
}

function rpoOf(exposure: Exposure | undefined): Rpo | null {
  if (!exposure) return null
  const { lostMs, isUpperBound } = exposure
  return { actualSeconds: lostMs === undefined ? null : Math.round(lostMs / 1000), isUpperBound }
}

function rtoOf(forecast: RtoForecast | undefined): Rto {
  return {
    actualSeconds: secondsOf(forecast?.expectedMs),
    slowestSeconds: secondsOf(forecast?.slowestMs),
    drills: forecast?.basis.length ?? 0,
    phases: (forecast?.phases ?? []).map(({ name, expectedMs }) => ({
      name,
      expectedSeconds: Math.round(expectedMs / 1000),
    })),
  }
}

const secondsOf = (ms: number | undefined): number | null => (ms === undefined ? null : ms / 1000)

/** What jobs leave behind where they write to; copies say nothing of when. */
function tracesIn(places: readonly PlaceFacts[]): readonly Trace[] {
  const seen = places.filter(place => place.fault === undefined)
  const traceOf = (kind: Trace['kind'], { startedAt, durationMs }: Run): Trace => ({
    kind,
    startedMs: Date.parse(startedAt),
    durationMs,
  })
  return seen
    .filter(({ place: { role } }) => role !== 'copy')
    .flatMap(({ backups, dumps = [], managed, drills }) => [
      ...backups.map(backup => traceOf(backup.kind, backup)),
      ...dumps.map(dump => traceOf('dump', dump)),
      ...(managed ?? []).map(({ record }) => traceOf('snapshot', record)),
      ...drills.map(drill => traceOf('drill', drill)),
    ])
}

interface Run {
  readonly startedAt: string
  readonly durationMs: number
}
