/**
 * What a month of keeping objects costs, and what reading them back does. Decides only.
 *
 * Terms: the *billed* size of an object is at least the least size of its class; the *least time* of a class is paid for
 * even when the object is deleted before it has passed. A *month* is 30 days, a *GB* is 2³⁰ bytes, as bills have it.
 */
import { day } from '../../base/units.ts'
import type { RegionPrices } from './prices.ts'

export type CostKind = 'backups' | 'wal' | 'dumps' | 'archive' | 'records'

/** Objects of one kind, as they are now. */
export interface StoredKind {
  readonly kind: CostKind
  readonly sizes: readonly SizeBucket[]
  /** In a month. */
  readonly written: { readonly objects: number; readonly bytes: number; readonly requests: number }
  /** So long one stays; undefined: longer than any least time. */
  readonly keptMs: number | undefined
  /** What one full restore reads of it. */
  readonly restored: { readonly bytes: number; readonly requests: number }
}

/** Objects of about one size. */
export interface SizeBucket {
  readonly upToBytes: number
  readonly objects: number
  readonly bytes: number
}

export interface KindCost {
  readonly kind: CostKind
  readonly storageClass: string
  readonly objects: number
  readonly bytes: number
  /** Undefined figures: the table has no price for this class. */
  readonly storage: number | undefined
  /** What small objects cost beyond their size. Part of `storage`. */
  readonly smallObjects: number
  /** What is paid for time in which the objects were deleted already. */
  readonly earlyDeletion: number
  readonly requests: number
  /** A month, without reading back. */
  readonly total: number | undefined
  /** Of one full restore: retrieval and requests, without egress. */
  readonly restore: number | undefined
}

export const bytesPerGb = 1024 ** 3
const month = 30 * day

export function costOfKind(stored: StoredKind, storageClass: string, prices: RegionPrices): KindCost {
  const { kind, sizes, written, keptMs, restored } = stored
  const perGb = prices.storagePerGbMonth[storageClass]
  const least = prices.least?.[storageClass] ?? { days: 0, bytes: 0 }
  const bytes = sum(sizes.map(size => size.bytes))
  const billed = sum(sizes.map(size => billedBytes(size, least.bytes)))
  const perRequest = prices.requests?.[storageClass] ?? prices.requests?.['default']
  const requests = ((perRequest?.putPerThousand ?? 0) * written.requests) / 1000
  const unpaidMs = keptMs === undefined ? 0 : Math.max(0, least.days * day - keptMs)
  const billedShare = bytes > 0 ? billed / bytes : 1
  const gbMonths = (written.bytes * billedShare * unpaidMs) / bytesPerGb / month
  const storage = perGb === undefined ? undefined : (perGb * billed) / bytesPerGb
  const earlyDeletion = (perGb ?? 0) * gbMonths
  return {
    kind,
    storageClass,
    objects: sum(sizes.map(size => size.objects)),
    bytes,
    storage,
    smallObjects: ((perGb ?? 0) * (billed - bytes)) / bytesPerGb,
    earlyDeletion,
    requests,
    total: storage === undefined ? undefined : storage + earlyDeletion + requests,
    restore: perGb === undefined ? undefined : restoreCost(restored, storageClass, prices),
  }
}

function billedBytes({ upToBytes, objects, bytes }: SizeBucket, leastBytes: number): number {
  return upToBytes <= leastBytes ? objects * leastBytes : bytes
}

/** A class that must be thawed is read at its usual speed. */
function restoreCost(
  { bytes, requests }: StoredKind['restored'],
  storageClass: string,
  prices: RegionPrices,
): number {
  const thaw = thawOf(storageClass, prices)
  const perGb = thaw?.perGb ?? prices.readPerGb?.[storageClass] ?? 0
  const perGet = (prices.requests?.[storageClass] ?? prices.requests?.['default'])?.getPerThousand ?? 0
  return (perGb * bytes) / bytesPerGb + ((perGet + (thaw?.perThousandRequests ?? 0)) * requests) / 1000
}

const thawOf = (storageClass: string, { retrieval }: RegionPrices) =>
  retrieval.find(entry => entry.class === storageClass && entry.speed === 'standard') ??
  retrieval.find(entry => entry.class === storageClass)

/** Reading from it does not wait. */
export const isInstant = (storageClass: string, prices: RegionPrices): boolean =>
  thawOf(storageClass, prices) === undefined

/** The instant class in which it costs least, `restores` of it a month included. */
export function cheapestClass(
  stored: StoredKind,
  prices: RegionPrices,
  restores: number,
): KindCost | undefined {
  return Object.keys(prices.storagePerGbMonth)
    .filter(storageClass => isInstant(storageClass, prices))
    .map(storageClass => costOfKind(stored, storageClass, prices))
    .filter(cost => cost.total !== undefined)
    .toSorted((a, b) => withRestores(a, restores) - withRestores(b, restores))[0]
}

export const withRestores = ({ total = 0, restore = 0 }: KindCost, restores: number): number =>
  total + restore * restores

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0)
