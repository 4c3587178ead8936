/** What the strategy of a file costs, with what the repositories hold now. */
import { Fault } from '../../base/fault.ts'
import { day, hour } from '../../base/units.ts'
import type { Config, RepositoryConfig } from '../../config/config.ts'
import type { CostKind } from '../../policy/cost/monthly-cost.ts'
import { pricesOf, type PriceTable, type RegionPrices } from '../../policy/cost/prices.ts'
import { costOfRepository, type Egress, type RepositoryCost } from '../../policy/cost/repository-cost.ts'
import { nextRun } from '../../schedule/schedule.ts'
import { zoneOf } from '../../schedule/time-zone.ts'
import { retentionOf } from '../lock/lock-rules.ts'
import type { Stored } from './measure-stored.ts'

export interface PlaceCost extends RepositoryCost {
  readonly name: string
  readonly url: string
}

export interface FileCost {
  readonly currency: string
  readonly repositories: readonly PlaceCost[]
  /** Undefined when one of those in object storage has no price, or there is none. */
  readonly total: number | undefined
}

export interface CostFacts {
  /** By the name of the repository. */
  readonly stored: ReadonlyMap<string, readonly Stored[]>
  readonly table: PriceTable
  /** The table is the user's own: then it also tells what servers ask for that are not a vendor's. */
  readonly isOwnTable: boolean
  readonly egress: Egress
  readonly nowMs: number
}

export function costOfFile(config: Config, facts: CostFacts): FileCost {
  const names = Object.keys(config.repositories)
  const drilled = drillsInMonth(config, facts.nowMs) / Math.max(1, names.length)
  const repositories = Object.entries(config.repositories).map(([name, repository]) =>
    costOfPlace(config, { name, repository, drills: drilled }, facts),
  )
  const priced = repositories.filter(({ url }) => !url.startsWith('file:'))
  const isWhole = priced.length > 0 && priced.every(({ total }) => total !== undefined)
  return {
    currency: facts.table.currency,
    repositories,
    total: isWhole ? priced.reduce((sum, { total = 0 }) => sum + total, 0) : undefined,
  }
}

/** With another window of WAL there is more of it, or less, in the same measure. All else is taken to stay as it is. */
export function withWindowOf(
  stored: CostFacts['stored'],
  now: Config,
  then: Config,
): ReadonlyMap<string, readonly Stored[]> {
  return new Map(
    [...stored].map(([name, kinds]) => {
      const [from, to] = [retentionOf(now, name).walMs, retentionOf(then, name).walMs]
      const factor = from === undefined || to === undefined ? 1 : to / from
      return [name, kinds.map(kind => (kind.kind === 'wal' ? scaled(kind, factor) : kind))]
    }),
  )
}

function scaled(stored: Stored, factor: number): Stored {
  const sizes = stored.sizes.map(({ upToBytes, objects, bytes }) => ({
    upToBytes,
    objects: Math.round(objects * factor),
    bytes: Math.round(bytes * factor),
  }))
  return { ...stored, sizes }
}

interface Place {
  readonly name: string
  readonly repository: RepositoryConfig
  readonly drills: number
}

function costOfPlace(config: Config, { name, repository, drills }: Place, facts: CostFacts): PlaceCost {
  const stored = storedIn(name, repository, config, facts.stored)
  const prices = pricesIn(repository, facts)
  const cost = costOfRepository({
    kinds: stored.map(kind => ({ ...kind, keptMs: keptMs(kind.kind, config, name) })),
    classOf: kind => classOf(kind, repository),
    prices,
    drills,
    egress: facts.egress,
  })
  const otherRegion =
    prices && repository.region !== undefined && prices.region !== repository.region
      ? [`There are no prices for ${repository.region}: those of ${prices.region} are taken.`]
      : []
  return { name, url: repository.url, ...cost, findings: [...cost.findings, ...otherRegion] }
}

/** One that only the other file has will hold what that holds which it is filled from, or the first one. */
function storedIn(
  name: string,
  { copyOf }: RepositoryConfig,
  config: Config,
  stored: CostFacts['stored'],
): readonly Stored[] {
  const [first = name] = Object.keys(config.repositories)
  const found = stored.get(name) ?? stored.get(copyOf ?? first) ?? [...stored.values()][0]
  if (found) return found
  throw new Fault('REPOSITORY_MISSING', `what ${name} would hold is not known: no repository could be read`, {
    hint: 'Run it where a repository of the configuration can be read.',
  })
}

const providers: Readonly<Record<string, string>> = { 's3:': 's3', 'gs:': 'gcs', 'az:': 'azure' }

function pricesIn(
  { url, endpoint, region }: RepositoryConfig,
  { table, isOwnTable }: CostFacts,
): RegionPrices | undefined {
  const provider = providers[URL.parse(url)?.protocol ?? '']
  if (provider === undefined || (endpoint !== undefined && !isOwnTable)) return undefined
  return pricesOf(table, provider, region)
}

const configKinds = { backups: 'backup', wal: 'wal', dumps: 'dump', archive: 'archive' } as const

function classOf(kind: CostKind, { url, classes }: RepositoryConfig): string {
  const usual = url.startsWith('az:') ? 'Hot' : 'STANDARD'
  return kind === 'records' ? usual : (classes?.[configKinds[kind]] ?? usual)
}

/**
 * So long what is written now is sure to stay: the least of it counts, since what stays longer is not deleted early.
 * Undefined: the rules say nothing of a time.
 */
function keptMs(kind: CostKind, config: Config, name: string): number | undefined {
  const rules = retentionOf(config, name)
  if (kind === 'wal') return rules.walMs
  if (kind === 'archive' || kind === 'records') return undefined
  const keep = (kind === 'dumps' ? rules.dumps : rules) ?? {}
  const counted = periods.map(([period, ms]) => (keep[period] ?? 0) * ms)
  const spans = [keep.withinMs ?? 0, ...counted].filter(span => span > 0)
  return spans.length === 0 ? undefined : Math.min(...spans)
}

const periods = [
  ['hourly', hour],
  ['daily', day],
  ['weekly', 7 * day],
  ['monthly', 30 * day],
  ['yearly', 365 * day],
] as const

/** By their schedules, from now on. */
function drillsInMonth(config: Config, nowMs: number): number {
  const drills = Object.values(config.jobs).filter(({ command }) => command[0] === 'drill')
  return drills.reduce((sum, { at }) => {
    const zone = zoneOf(at.timeZone ?? config.agent.timeZone ?? config.retention.timeZone)
    // A quarter of a year, so that a drill a month is one and not none or two.
    const endMs = nowMs + 90 * day
    let runs = 0
    for (let ms = nextRun(at, zone, nowMs); ms <= endMs && runs < 10_000; ms = nextRun(at, zone, ms)) runs++
    return sum + runs / 3
  }, 0)
}
