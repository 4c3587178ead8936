/**
 * What storages ask for, and how long they take: a table with its sources and dates (prices.json), which a file of the
 * user's own may replace. Reads and looks up; knows no storage.
 */
import { Fault } from '../../base/fault.ts'
import builtIn from './prices.json' with { type: 'json' }

export interface PriceTable {
  readonly currency: string
  readonly regions: readonly RegionPrices[]
  readonly times: readonly ThawTimes[]
}

export interface RegionPrices {
  /** `s3`, `azure`, `gcs`. */
  readonly provider: string
  readonly region: string
  readonly source: string
  readonly asOf: string
  readonly storagePerGbMonth: Readonly<Record<string, number>>
  readonly retrieval: readonly {
    readonly class: string
    readonly speed: string
    readonly perGb: number
    readonly perThousandRequests: number
  }[]
  /** Of classes that are read without a thaw, when reading has a price beside the requests. */
  readonly readPerGb?: Readonly<Record<string, number>>
  /** By class; `default` for those that are not named. */
  readonly requests?: Readonly<
    Record<string, { readonly putPerThousand: number; readonly getPerThousand: number }>
  >
  /** What is paid for at least: so many days of each object, and so many bytes. */
  readonly least?: Readonly<Record<string, { readonly days: number; readonly bytes: number }>>
  /** To the internet, and to another region of the vendor's. */
  readonly egressPerGb?: Readonly<Record<string, number>>
}

export interface ThawTimes {
  readonly provider: string
  readonly source: string
  readonly asOf: string
  readonly hours: readonly {
    readonly class: string
    readonly speed: string
    readonly least: number
    readonly most: number
  }[]
}

export const builtInPrices: PriceTable = builtIn

/** CONFIG_INVALID when it is not such a table. `what` names the file. */
export function parsePrices(text: string, what: string): PriceTable {
  try {
    const table: unknown = JSON.parse(text)
    if (isTable(table)) return table
  } catch (error) {
    throw invalid(what, error)
  }
  throw invalid(what, undefined)
}

/** Of this region; else of the first one of the provider, which is said. */
export function pricesOf(
  { regions }: PriceTable,
  provider: string,
  region: string | undefined,
): RegionPrices | undefined {
  const ofProvider = regions.filter(entry => entry.provider === provider)
  return ofProvider.find(entry => entry.region === region) ?? ofProvider[0]
}

function isTable(value: unknown): value is PriceTable {
  return (
    isObject(value) &&
    typeof value['currency'] === 'string' &&
    isListOf(value['regions'], isRegion) &&
    isListOf(value['times'], isTimes)
  )
}

function isRegion(value: unknown): boolean {
  if (!isObject(value) || !hasTexts(value, ['provider', 'region', 'source', 'asOf'])) return false
  const { storagePerGbMonth: storage, retrieval } = value
  return (
    isMapOf(storage, isPrice) &&
    isAbsentOr(value['readPerGb'], read => isMapOf(read, isPrice)) &&
    isAbsentOr(value['egressPerGb'], egress => isMapOf(egress, isPrice)) &&
    isAbsentOr(value['requests'], requests =>
      isMapOf(requests, entry => hasPrices(entry, ['putPerThousand', 'getPerThousand'])),
    ) &&
    isAbsentOr(value['least'], least => isMapOf(least, entry => hasPrices(entry, ['days', 'bytes']))) &&
    isListOf(
      retrieval,
      entry =>
        isObject(entry) &&
        hasTexts(entry, ['class', 'speed']) &&
        isPrice(entry['perGb']) &&
        isPrice(entry['perThousandRequests']),
    )
  )
}

function isTimes(value: unknown): boolean {
  return (
    isObject(value) &&
    hasTexts(value, ['provider', 'source', 'asOf']) &&
    isListOf(
      value['hours'],
      entry =>
        isObject(entry) &&
        hasTexts(entry, ['class', 'speed']) &&
        isPrice(entry['least']) &&
        isPrice(entry['most']),
    )
  )
}

const isPrice = (value: unknown): boolean => typeof value === 'number' && value >= 0 && Number.isFinite(value)

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const hasTexts = (value: Readonly<Record<string, unknown>>, names: readonly string[]): boolean =>
  names.every(name => typeof value[name] === 'string')

const isAbsentOr = (value: unknown, isOne: (value: unknown) => boolean): boolean =>
  value === undefined || isOne(value)

const isMapOf = (value: unknown, isOne: (entry: unknown) => boolean): boolean =>
  isObject(value) && Object.values(value).every(isOne)

const hasPrices = (value: unknown, names: readonly string[]): boolean =>
  isObject(value) && names.every(name => isPrice(value[name]))

const isListOf = (value: unknown, isOne: (entry: unknown) => boolean): boolean =>
  Array.isArray(value) && value.every(isOne)

function invalid(what: string, cause: unknown): Fault {
  return new Fault('CONFIG_INVALID', `${what} is not a table of prices`, {
    hint: 'Write it as src/policy/cost/prices.json is; docs/archive.md says what each number means.',
    cause,
  })
}
