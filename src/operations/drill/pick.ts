/**
 * What a drill restores: which kind from which repository, and to which point. Decides only; chance comes as an argument, so that a
 * drill can be done again by its seed.
 */
import type { Random } from '../../base/seeded-random.ts'
import type { BackupFacts } from '../../policy/backup-facts.ts'
import type { Window } from '../../policy/window.ts'
import type { DrillKind } from '../../config/drills.ts'
import type { Lsn } from '../../wal/lsn.ts'

export interface Turn {
  readonly kind: DrillKind
  /** Undefined: from all, as a restore reads. */
  readonly repository: string | undefined
}

export interface PastDrill {
  readonly kind: DrillKind
  readonly repository: string
  readonly startedAt: string
}

/**
 * Each kind from each repository, what was drilled longest ago first: never comes before once. Among equals the order is that
 * of the configuration, kinds first, so that no repository waits for all kinds.
 */
export function turnsInOrder(
  { kinds, repositories }: { readonly kinds: readonly DrillKind[]; readonly repositories: readonly string[] },
  past: readonly PastDrill[],
): readonly Turn[] {
  const places = repositories.length === 0 ? [undefined] : repositories
  const turns = places.flatMap(repository => kinds.map(kind => ({ kind, repository })))
  const lastOf = (turn: Turn): string =>
    past
      .filter(({ kind }) => kind === turn.kind)
      .filter(({ repository }) => turn.repository === undefined || repository === turn.repository)
      .map(({ startedAt }) => startedAt)
      .toSorted()
      .at(-1) ?? ''
  return turns
    .map(turn => ({ turn, last: lastOf(turn) }))
    .toSorted((a, b) => (a.last < b.last ? -1 : a.last > b.last ? 1 : 0))
    .map(({ turn }) => turn)
}

export interface Point {
  readonly backup: string
  readonly lsn: Lsn
}

/**
 * A point of the newest window that begins with a backup that is wanted, and the latest such backup before it. Undefined: there is no
 * such window.
 */
export function randomPoint(
  windows: readonly Window[],
  isWanted: (backup: BackupFacts) => boolean,
  random: Random,
): Point | undefined {
  for (const { backups, toLsn } of windows.toReversed()) {
    const wanted = backups.filter(backup => isWanted(backup) && !backup.isDamaged)
    const [first] = wanted
    if (!first) continue
    const span = toLsn - first.stopLsn
    const lsn = first.stopLsn + BigInt(Math.floor(random() * Number(span > 0n ? span : 0n)))
    const backup = wanted.findLast(({ stopLsn }) => stopLsn <= lsn) ?? first
    return { backup: backup.id, lsn }
  }
  return undefined
}

/** The newest, or any of them. Undefined: there is none. */
export function pickOne<T>(
  oldestFirst: readonly T[],
  target: 'latest' | 'random',
  random: Random,
): T | undefined {
  return target === 'latest' ? oldestFirst.at(-1) : oldestFirst[Math.floor(random() * oldestFirst.length)]
}
