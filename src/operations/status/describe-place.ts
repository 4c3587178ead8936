/** From what is known of a repository to what is told of it. */
import { isRestorable, type ManagedPresence } from '../managed/presence.ts'
import type { OwedFacts } from '../wal-push/owed.ts'
import type { SeenPlace } from './facts.ts'
import type { JudgedPlace } from './judge.ts'
import { drillStatusOf } from './drills.ts'
import { kindsOf, storedWalOf } from './kinds.ts'
import type { RepositoryStatus } from './status.ts'

export function describePlace(
  { facts, lag, owed }: JudgedPlace,
  nowMs: number,
): Omit<RepositoryStatus, 'rpo'> {
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
      lastDrill: null,
      newestBackup: null,
      isKeyRight: null,
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
    lastDrill: drillStatusOf(facts.drills),
    newestBackup: newestOf(facts.backups, nowMs),
    isKeyRight: facts.key === undefined ? null : facts.key === 'opens',
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
