/** `status`: every repository at a glance. The result is what `--json` prints. */
import type { World } from '../../base/world.ts'
import { readPlace, type PlaceFacts, type StatusPlace } from './facts.ts'
import { judgePlaces, stateOf, type JudgedPlace, type State, type StatusFinding } from './judge.ts'
import type { Lag } from './lag.ts'

export interface StatusReport {
  readonly state: State
  readonly checkedAt: string
  readonly repositories: readonly RepositoryStatus[]
  /** The worst first. */
  readonly findings: readonly StatusFinding[]
}

export interface RepositoryStatus {
  readonly name: string
  readonly url: string
  readonly role: StatusPlace['role']
  readonly copyOf: string | null
  /** Why nothing is known of it; null when it was read. */
  readonly fault: { readonly code: string; readonly message: string } | null
  readonly backups: number
  readonly newestBackup: { readonly id: string; readonly endedAt: string; readonly ageSeconds: number } | null
  /** What can be restored from this repository alone, oldest first. */
  readonly windows: readonly {
    readonly from: string
    readonly to: string | null
    readonly timeline: number
  }[]
  readonly gaps: number
  readonly newestWal: { readonly name: string; readonly lastCommit: string | null } | null
  /** Null where there is nothing to be held against. */
  readonly lag: Lag | null
}

/** All of them are asked at the same time: a dead one hides none of the others, and keeps nobody waiting for long. */
export async function readStatus(
  places: readonly StatusPlace[],
  world: Pick<World, 'clock'>,
  signal: AbortSignal,
): Promise<StatusReport> {
  const facts = await Promise.all(places.map(place => readPlace(place, world, signal)))
  const nowMs = world.clock.now()
  const judged = judgePlaces(facts, nowMs)
  const findings = judged.flatMap(place => place.findings)
  return {
    state: stateOf(judged),
    checkedAt: new Date(nowMs).toISOString(),
    repositories: judged.map(place => describe(place, nowMs)),
    findings: [
      ...findings.filter(({ state }) => state === 'critical'),
      ...findings.filter(({ state }) => state === 'warning'),
    ],
  }
}

function describe({ facts, lag }: JudgedPlace, nowMs: number): RepositoryStatus {
  const { name, url, role, copyOf = null } = facts.place
  const base = { name, url, role, copyOf, lag: lag ?? null }
  if (facts.fault !== undefined) {
    const { code, message } = facts.fault
    return {
      ...base,
      fault: { code, message },
      backups: 0,
      newestBackup: null,
      windows: [],
      gaps: 0,
      newestWal: null,
    }
  }
  return {
    ...base,
    fault: null,
    backups: facts.backups.length,
    newestBackup: newestBackup(facts, nowMs),
    windows: facts.windows.map(({ from, to, timeline }) => ({ from: from.time, to: to.time, timeline })),
    gaps: facts.gaps.length,
    newestWal: facts.newestWal
      ? { name: facts.newestWal.name, lastCommit: facts.newestWal.lastCommit ?? null }
      : null,
  }
}

function newestBackup(
  { backups }: Extract<PlaceFacts, { fault: undefined }>,
  nowMs: number,
): RepositoryStatus['newestBackup'] {
  const newest = backups.reduce<(typeof backups)[number] | undefined>(
    (best, backup) => (best && best.endedAt >= backup.endedAt ? best : backup),
    undefined,
  )
  if (!newest) return null
  const { id, endedAt } = newest
  return { id, endedAt, ageSeconds: Math.max(0, Math.round((nowMs - Date.parse(endedAt)) / 1000)) }
}
