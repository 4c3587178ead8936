/**
 * How long the way back will take, phase by phase, from how long it took. Decides only.
 *
 * Terms: a *past restore* is a drill, or anything else that was measured in phases. Each phase is scaled by what it goes
 * through: provisioning by nothing, download by what is stored, decompression and checks by what that becomes, replay by
 * the WAL. So what was measured at one size tells of another, as long as the hardware stays what it was.
 */

/** What the repository keeps of a drill has all of this; see DrillSummary. */
export interface PastRestore {
  readonly id: string
  readonly startedAt: string
  readonly source: { readonly kind: PastKind | null }
  readonly phases: readonly PastPhase[]
  readonly sizes: RestoreSizes
  /** Threads that restored. */
  readonly workers: number
}

type PastKind = 'full' | 'incremental' | 'snapshot' | 'dump' | 'managed'

export interface PastPhase {
  readonly name: 'provisioning' | 'restore' | 'replay' | 'erasures' | 'checks' | 'removal'
  readonly durationMs: number
  /** Processor time over all threads: with it, `restore` can be told apart into download and decompression. */
  readonly cpuMs: number | null
}

export interface RestoreSizes {
  /** What comes back, before compression. */
  readonly rawBytes: number
  readonly storedBytes: number
  readonly walBytes: number
}

/** Of the restore to come. What is not given is taken to grow along with `rawBytes`. */
export interface ForecastSizes extends Partial<RestoreSizes> {
  readonly rawBytes: number
}

/** Ways back that have nothing in common but their end. */
export type Way = 'base backup' | 'snapshot' | 'dump' | 'managed snapshot'

export const wayOf = (kind: PastKind): Way =>
  kind === 'full' || kind === 'incremental' ? 'base backup' : kind === 'managed' ? 'managed snapshot' : kind

export type ForecastPhaseName =
  'thaw' | 'provisioning' | 'download' | 'decompression' | 'restore' | 'replay' | 'erasures' | 'checks'

export interface ForecastPhase {
  /** `restore`: download and decompression, where they were not told apart. */
  readonly name: ForecastPhaseName
  readonly expectedMs: number
  /** With the slowest of the rates that were seen. */
  readonly slowestMs: number
  /** What it goes through; undefined when it does not grow with anything. */
  readonly bytes: number | undefined
}

export interface RtoForecast {
  readonly sizes: RestoreSizes
  readonly phases: readonly ForecastPhase[]
  readonly expectedMs: number
  readonly slowestMs: number
  /** What it stands on, oldest first. */
  readonly basis: readonly PastRestore[]
  /** How many times larger it is than the largest that was measured; 1 when it is not. */
  readonly beyond: number
}

/** Older ones tell of other hardware. */
const basisMax = 5

/** Undefined when nothing of the kind was measured. */
export function forecastRto(
  history: readonly PastRestore[],
  given: ForecastSizes,
  way: Way = 'base backup',
): RtoForecast | undefined {
  const basis = history
    .filter(past => past.source.kind !== null && wayOf(past.source.kind) === way && isWhole(past))
    .toSorted((a, b) => (a.startedAt < b.startedAt ? -1 : 1))
    .slice(-basisMax)
  if (basis.length === 0) return undefined
  const sizes = sizesOf(basis, given)
  const phases = partsOf(basis).flatMap(part => forecastPart(part, basis, sizes) ?? [])
  return {
    sizes,
    phases,
    expectedMs: sum(phases.map(({ expectedMs }) => expectedMs)),
    slowestMs: sum(phases.map(({ slowestMs }) => slowestMs)),
    basis,
    beyond: Math.max(1, sizes.rawBytes / Math.max(...basis.map(past => past.sizes.rawBytes))),
  }
}

/** What lies in the cold is thawed before anything else can begin. */
export function withThaw(
  forecast: RtoForecast,
  { bytes, leastMs, mostMs }: { readonly bytes: number; readonly leastMs: number; readonly mostMs: number },
): RtoForecast {
  return {
    ...forecast,
    phases: [{ name: 'thaw', expectedMs: leastMs, slowestMs: mostMs, bytes }, ...forecast.phases],
    expectedMs: forecast.expectedMs + leastMs,
    slowestMs: forecast.slowestMs + mostMs,
  }
}

/** It came as far as its questions; what they were answered does not matter here. */
function isWhole({ phases, sizes }: PastRestore): boolean {
  return sizes.rawBytes > 0 && ['restore', 'checks'].every(name => phases.some(phase => phase.name === name))
}

function sizesOf(basis: readonly PastRestore[], { rawBytes, ...given }: ForecastSizes): RestoreSizes {
  const perRaw = (of: (sizes: RestoreSizes) => number): number =>
    sum(basis.map(past => of(past.sizes))) / sum(basis.map(past => past.sizes.rawBytes))
  return {
    rawBytes,
    storedBytes: given.storedBytes ?? Math.round(rawBytes * perRaw(({ storedBytes }) => storedBytes)),
    walBytes: given.walBytes ?? Math.round(rawBytes * perRaw(({ walBytes }) => walBytes)),
  }
}

/** A phase: how long it took, and what it grows with. */
interface Part {
  readonly name: ForecastPhaseName
  readonly tookMs: (past: PastRestore) => number | undefined
  readonly bytes: ((sizes: RestoreSizes) => number) | undefined
}

function partsOf(basis: readonly PastRestore[]): readonly Part[] {
  const isTold = basis.every(past => decompressionMs(past) !== undefined)
  const [raw, stored, wal] = [
    (sizes: RestoreSizes) => sizes.rawBytes,
    (sizes: RestoreSizes) => sizes.storedBytes,
    (sizes: RestoreSizes) => sizes.walBytes,
  ]
  const restore: readonly Part[] = isTold
    ? [
        { name: 'download', tookMs: downloadMs, bytes: stored },
        { name: 'decompression', tookMs: decompressionMs, bytes: raw },
      ]
    : [{ name: 'restore', tookMs: past => phaseOf(past, 'restore')?.durationMs, bytes: raw }]
  const whole = (name: 'provisioning' | 'replay' | 'erasures' | 'checks', bytes: Part['bytes']): Part => ({
    name,
    tookMs: past => phaseOf(past, name)?.durationMs,
    bytes,
  })
  return [
    whole('provisioning', undefined),
    ...restore,
    whole('replay', wal),
    whole('erasures', undefined),
    whole('checks', raw),
  ]
}

const phaseOf = ({ phases }: PastRestore, name: PastPhase['name']): PastPhase | undefined =>
  phases.find(phase => phase.name === name)

/** The processors' share of the restore, when all workers had the same; what is left was waiting for the storage and disks. */
function decompressionMs(past: PastRestore): number | undefined {
  const restore = phaseOf(past, 'restore')
  if (!restore || restore.cpuMs === null) return undefined
  return Math.min(restore.durationMs, restore.cpuMs / past.workers)
}

function downloadMs(past: PastRestore): number | undefined {
  const decompression = decompressionMs(past)
  return decompression === undefined ? undefined : (phaseOf(past, 'restore')?.durationMs ?? 0) - decompression
}

/** Undefined: no past restore had this phase. */
function forecastPart(
  { name, tookMs, bytes }: Part,
  basis: readonly PastRestore[],
  sizes: RestoreSizes,
): ForecastPhase | undefined {
  const measured = basis.flatMap(past => {
    const ms = tookMs(past)
    return ms === undefined ? [] : [{ ms, bytes: bytes?.(past.sizes) ?? 1 }]
  })
  if (measured.length === 0) return undefined
  // What went through nothing (no WAL to replay) tells no rate, but how long it takes to find that out.
  const rated = measured.filter(past => past.bytes > 0)
  const scale = bytes?.(sizes) ?? 1
  const fixedMs = mean(measured.map(({ ms }) => ms))
  const [expectedMs, slowestMs] =
    rated.length === 0
      ? [fixedMs, Math.max(...measured.map(({ ms }) => ms))]
      : [
          (scale * sum(rated.map(({ ms }) => ms))) / sum(rated.map(past => past.bytes)),
          scale * Math.max(...rated.map(past => past.ms / past.bytes)),
        ]
  return {
    name,
    expectedMs: Math.round(expectedMs),
    slowestMs: Math.round(slowestMs),
    bytes: bytes && scale,
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)
const mean = (numbers: readonly number[]): number => sum(numbers) / numbers.length
