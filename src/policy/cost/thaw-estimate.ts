/** How long a thaw takes, and what it costs. Decides only. */
import { day, hour } from '../../base/units.ts'
import { pricesOf, type PriceTable } from './prices.ts'

export interface ThawAmount {
  readonly storageClass: string
  readonly objects: number
  readonly bytes: number
}

export interface ThawQuestion {
  readonly provider: string
  readonly region: string | undefined
  readonly speed: string
  /** For so long what was thawed stays readable, and is paid for. */
  readonly days: number
  readonly amounts: readonly ThawAmount[]
}

export interface ThawEstimate {
  /** Undefined: not known for one of the classes. */
  readonly leastMs: number | undefined
  readonly mostMs: number | undefined
  /** Undefined: there are no prices for one of the classes. */
  readonly cost: number | undefined
  readonly currency: string
  /** Where the prices come from: `us-east-1, 2025-06-01`. */
  readonly pricesOf: string | undefined
  /** Classes that can not be thawed at this speed. */
  readonly impossible: readonly string[]
}

const bytesPerGb = 1024 ** 3

export function estimateThaw(table: PriceTable, question: ThawQuestion): ThawEstimate {
  const { provider, region, speed, days, amounts } = question
  const prices = pricesOf(table, provider, region)
  const times = table.times.find(entry => entry.provider === provider)?.hours ?? []
  const isOf = (amount: ThawAmount) => (entry: { readonly class: string; readonly speed: string }) =>
    entry.class === amount.storageClass && entry.speed === speed
  const known = amounts.map(amount => times.find(isOf(amount)))
  const costs = amounts.map(amount => {
    const price = prices?.retrieval.find(isOf(amount))
    if (!price) return undefined
    const gigabytes = amount.bytes / bytesPerGb
    // A second copy lies in the usual class meanwhile.
    const kept = ((prices?.storagePerGbMonth['STANDARD'] ?? 0) * gigabytes * days) / 30
    return price.perGb * gigabytes + (price.perThousandRequests * amount.objects) / 1000 + kept
  })
  return {
    leastMs: longest(known.map(entry => entry && entry.least * hour)),
    mostMs: longest(known.map(entry => entry && entry.most * hour)),
    cost: costs.reduce<number | undefined>(
      (sum, cost) => (sum === undefined || cost === undefined ? undefined : sum + cost),
      0,
    ),
    currency: table.currency,
    pricesOf: prices && `${prices.region}, ${prices.asOf}`,
    impossible: amounts
      .filter(
        ({ storageClass }) =>
          times.some(entry => entry.class === storageClass) &&
          !times.some(entry => entry.class === storageClass && entry.speed === speed),
      )
      .map(({ storageClass }) => storageClass),
  }
}

/** All are thawed at the same time. */
function longest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter(ms => ms !== undefined)
  return known.length === times.length && known.length > 0 ? Math.max(...known) : undefined
}

/** How long what is thawed stays readable: the thaw itself is not counted. */
export const thawDaysFor = (restoreMs: number): number => Math.max(3, Math.ceil((3 * restoreMs) / day))
