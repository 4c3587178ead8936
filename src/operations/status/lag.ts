/** Decides how far one repository is behind another: what it lacks of what the other has, since the oldest that it holds. */
import { parseTime } from '../../wal/time.ts'
import type { SeenPlace } from './facts.ts'

export interface Lag {
  /** The name of the repository that it is held against. */
  readonly behind: string
  /** Ids, oldest first. */
  readonly backups: readonly string[]
  /** The same of dumps; empty where those of one of them can not be read. */
  readonly dumps: readonly string[]
  readonly walFiles: number
  /** As stored there. */
  readonly walBytes: number
  /** Between the newest commit of either; null when one of them tells none. */
  readonly seconds: number | null
}

export function lagOf(place: SeenPlace, leader: SeenPlace): Lag {
  const { unwanted, isWalUnwanted } = place.place.unwantedOf?.(leader) ?? {}
  const lacking = (own: readonly Named[], all: readonly Named[]): readonly string[] =>
    lackingOf(own, all).filter(id => unwanted?.has(id) !== true)
  const since = oldestName(place.wal.keys())
  const wal = [...leader.wal.values()].filter(
    ({ name }) => !place.wal.has(name) && name > since && isWalUnwanted?.(name) !== true,
  )
  return {
    behind: leader.place.name,
    backups: lacking(place.backups, leader.backups),
    dumps: place.dumps && leader.dumps ? lacking(place.dumps, leader.dumps) : [],
    walFiles: wal.length,
    walBytes: wal.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    seconds: secondsBetween(place, leader),
  }
}

interface Named {
  readonly id: string
}

/** What came before the oldest has been let go, or was never meant to come. */
function lackingOf(own: readonly Named[], all: readonly Named[]): readonly string[] {
  const ids = new Set(own.map(({ id }) => id))
  const oldest = [...ids].sort()[0] ?? ''
  return all.map(({ id }) => id).filter(id => !ids.has(id) && id > oldest)
}

/** What came before has been let go, or was never meant to come. */
function oldestName(names: Iterable<string>): string {
  let oldest = ''
  for (const name of names) if (/^[0-9A-F]{24}$/.test(name) && (oldest === '' || name < oldest)) oldest = name
  return oldest
}

function secondsBetween(place: SeenPlace, leader: SeenPlace): number | null {
  const [own, other] = [place, leader].map(({ newestWal }) => parseTime(newestWal?.lastCommit ?? ''))
  if (other === undefined) return null
  if (own === undefined) return null
  return Math.max(0, Math.round((other - own) / 1e6))
}

/** The one to be held against: the source of a copy; of those that are written at once, the one that is furthest. */
export function leaderOf(place: SeenPlace, places: readonly SeenPlace[]): SeenPlace | undefined {
  const others = places.filter(other => other !== place)
  const { role, copyOf } = place.place
  if (role === 'copy') return others.find(other => other.place.name === copyOf) ?? furthest(written(others))
  if (role === 'idle') return undefined
  const ahead = furthest(written(others))
  return ahead && isAhead(ahead, place) ? ahead : undefined
}

const written = (places: readonly SeenPlace[]): readonly SeenPlace[] =>
  places.filter(({ place: { role } }) => role === 'first' || role === 'also')

function furthest(places: readonly SeenPlace[]): SeenPlace | undefined {
  return places.reduce<SeenPlace | undefined>(
    (best, place) => (best && !isAhead(place, best) ? best : place),
    undefined,
  )
}

const countOf = ({ backups, dumps, wal }: SeenPlace): number =>
  backups.length + (dumps?.length ?? 0) + wal.size

function isAhead(a: SeenPlace, b: SeenPlace): boolean {
  const [one, other] = [a.newestWal?.name ?? '', b.newestWal?.name ?? '']
  return one > other || (one === other && countOf(a) > countOf(b))
}
