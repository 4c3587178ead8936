/** `status`: every repository, and the server, at a glance. */
import type { World } from '../../base/world.ts'
import type { OwedFacts } from '../wal-push/owed.ts'
import { describePlace } from './describe-place.ts'
import { describeServer } from './describe-server.ts'
import { exposuresOf, type Exposure } from './exposure.ts'
import { readPlace, type PlaceFacts, type StatusPlace } from './facts.ts'
import { leastExposure, ofRpo } from './judge-rpo.ts'
import { ofClock, ofServer } from './judge-server.ts'
import { judgePlaces, stateOf } from './judge.ts'
import { readServer, type SeenServer, type ServerToSee } from './server.ts'
import type { Rpo, StatusReport } from './status.ts'
import type { StatusFinding } from '../../policy/findings/finding.ts'

export interface StatusDeps {
  readonly world: Pick<World, 'clock'>
  readonly places: readonly StatusPlace[]
  readonly server?: ServerToSee | undefined
  /** Undefined where it can not be told. */
  readonly readOwed?: () => Promise<readonly OwedFacts[] | undefined>
  readonly objectives?: Objectives
}

export interface Objectives {
  readonly rpo?: number | undefined
}

/** All are asked at the same time: who is dead hides none of the others, and keeps nobody waiting for long. */
export async function readStatus(
  { world, places, server: toSee, readOwed, objectives = {} }: StatusDeps,
  signal: AbortSignal,
): Promise<StatusReport> {
  const [owed, server, ...facts] = await Promise.all([
    readOwed?.(),
    toSee && readServer(toSee, world, signal),
    ...places.map(place => readPlace(place, world, signal)),
  ])
  const exposures = await exposuresOf(facts, server, world.clock, signal)
  const nowMs = world.clock.now()
  const judged = judgePlaces(facts, nowMs, owed)
  const findings = [
    ...judged.flatMap(place => place.findings),
    ...ofRpo(written(facts, exposures), objectives.rpo),
    ...(server?.fault === undefined && server ? ofSeenServer(server, facts) : []),
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
        targetSeconds: objectives.rpo === undefined ? null : objectives.rpo / 1000,
        ...(rpoOf(leastExposure(exposures.values())) ?? { actualSeconds: null, isUpperBound: false }),
      },
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

/** Who takes nothing but dumps, or snapshots of a managed server, has no use for an archiver. */
function ofSeenServer(server: SeenServer, facts: readonly PlaceFacts[]): readonly StatusFinding[] {
  const isArchiving = facts.some(place => place.fault === undefined && place.wal.size > 0)
  return [...ofServer(server, isArchiving), ...ofClock('the server', null, server.clockAheadMs)]
}

function rpoOf(exposure: Exposure | undefined): Rpo | null {
  if (!exposure) return null
  const { lostMs, isUpperBound } = exposure
  return { actualSeconds: lostMs === undefined ? null : Math.round(lostMs / 1000), isUpperBound }
}
