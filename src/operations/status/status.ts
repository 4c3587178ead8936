/** `status`: every repository at a glance. The result is what `--json` prints. */
import type { World } from '../../base/world.ts'
import { readPlace, type StatusPlace, type SeenPlace } from './facts.ts'
import { judgePlaces, stateOf, type JudgedPlace, type State } from './judge.ts'
import type { StatusFinding } from '../../policy/findings/finding.ts'
import { kindsOf, storedWalOf, type KindStatus, type StoredWalStatus } from './kinds.ts'
import type { Lag } from './lag.ts'
import { isRestorable, type ManagedPresence } from '../managed/presence.ts'
import type { OwedFacts } from '../wal-push/owed.ts'

export interface StatusReport {
  readonly state: State
  readonly checkedAt: string
  readonly repositories: readonly RepositoryStatus[]
  /** Whether what is owed could be looked at: only the host of the server can, and only where several are written. */
  readonly isOwedKnown: boolean
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
  /** Of each kind that is there. */
  readonly kinds: readonly KindStatus[]
  /** Null when it could not be read. */
  readonly wal: StoredWalStatus | null
  /** Null when there is none. */
  readonly newestDump: { readonly id: string; readonly endedAt: string; readonly ageSeconds: number } | null
  /** Snapshots that managed servers made; null where the configuration has no such server. */
  readonly managed: {
    readonly snapshots: number
    /** Of these, so many can be restored, as the vendor says now; the rest are gone, failed, or still being made. */
    readonly restorable: number
    readonly newest: { readonly id: string; readonly endedAt: string; readonly ageSeconds: number } | null
  } | null
  /** What can be restored from this repository alone, oldest first. */
  readonly windows: readonly {
    readonly from: string
    readonly to: string | null
    readonly timeline: number
  }[]
  readonly gaps: number
  readonly newestWal: { readonly name: string; readonly lastCommit: string | null } | null
  /** Null where nothing lies in its archive. */
  readonly archive: {
    readonly backups: number
    readonly dumps: number
    /** Of both. */
    readonly newest: string
    readonly oldest: string
  } | null
  /** Null where there is nothing to be held against. */
  readonly lag: Lag | null
  /** WAL that PostgreSQL was told is safe, and that is only in other repositories yet. */
  readonly owed: Omit<OwedFacts, 'repository'> | null
}

/** All of them are asked at the same time: a dead one hides none of the others, and keeps nobody waiting for long. */
export async function readStatus(
  places: readonly StatusPlace[],
  world: Pick<World, 'clock'>,
  signal: AbortSignal,
  readOwed: () => Promise<readonly OwedFacts[] | undefined> = () => Promise.resolve(undefined),
): Promise<StatusReport> {
  const [owed, ...facts] = await Promise.all([
    readOwed(),
    ...places.map(place => readPlace(place, world, signal)),
  ])
  const nowMs = world.clock.now()
  const judged = judgePlaces(facts, nowMs, owed)
  const findings = judged.flatMap(place => place.findings)
  return {
    state: stateOf(judged),
    checkedAt: new Date(nowMs).toISOString(),
    repositories: judged.map(place => describe(place, nowMs)),
    isOwedKnown: owed !== undefined,
    findings: [
      ...findings.filter(({ state }) => state === 'critical'),
      ...findings.filter(({ state }) => state === 'warning'),
    ],
  }
}

function describe({ facts, lag, owed }: JudgedPlace, nowMs: number): RepositoryStatus {
  const { name, url, role, copyOf = null } = facts.place
  const base = { name, url, role, copyOf, lag: lag ?? null, owed: owed ? withoutName(owed) : null }
  if (facts.fault !== undefined) {
    const { code, message } = facts.fault
    return {
      ...base,
      fault: { code, message },
      backups: 0,
      kinds: [],
      wal: null,
      newestBackup: null,
      newestDump: null,
      managed: null,
      windows: [],
      gaps: 0,
      newestWal: null,
      archive: null,
    }
  }
  return {
    ...base,
    fault: null,
    backups: facts.backups.length,
    kinds: kindsOf(facts),
    wal: storedWalOf(facts),
    newestBackup: newestOf(facts.backups, nowMs),
    newestDump: newestOf(facts.dumps ?? [], nowMs),
    managed: facts.managed ? managedOf(facts.managed, nowMs) : null,
    windows: facts.windows.map(({ from, to, timeline }) => ({ from: from.time, to: to.time, timeline })),
    gaps: facts.gaps.length,
    newestWal: facts.newestWal
      ? { name: facts.newestWal.name, lastCommit: facts.newestWal.lastCommit ?? null }
      : null,
    archive: archiveIn(facts),
  }
}

function managedOf(managed: readonly ManagedPresence[], nowMs: number): RepositoryStatus['managed'] {
  return {
    snapshots: managed.length,
    restorable: managed.filter(isRestorable).length,
    newest: newestOf(
      managed.map(({ record }) => record),
      nowMs,
    ),
  }
}

function withoutName({ repository: _, ...rest }: OwedFacts): Omit<OwedFacts, 'repository'> {
  return rest
}

function archiveIn({ archived }: Pick<SeenPlace, 'archived'>): RepositoryStatus['archive'] {
  const ordered = archived.toSorted((a, b) => (a.endedAt < b.endedAt ? -1 : 1))
  const [oldest, newest] = [ordered[0], ordered.at(-1)]
  if (!oldest || !newest) return null
  const dumps = archived.filter(({ kind }) => kind === 'dump').length
  return { backups: archived.length - dumps, dumps, newest: newest.id, oldest: oldest.id }
}

function newestOf(
  all: readonly { readonly id: string; readonly endedAt: string }[],
  nowMs: number,
): RepositoryStatus['newestBackup'] {
  const newest = all.reduce<(typeof all)[number] | undefined>(
    (best, each) => (best && best.endedAt >= each.endedAt ? best : each),
    undefined,
  )
  if (!newest) return null
  const { id, endedAt } = newest
  return { id, endedAt, ageSeconds: Math.max(0, Math.round((nowMs - Date.parse(endedAt)) / 1000)) }
}
