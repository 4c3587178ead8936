/** Decides only: which limits of the rates hold, and why. */
import { limits } from '../base/limits.ts'
import { rateKinds, type RateKind, type RateLimits } from '../base/rates.ts'

/** What somebody asked for while it runs; null: no limit. Without an end it holds until the file is loaded again. */
export interface RateChange {
  readonly bytesPerSecond: number | null
  readonly untilMs?: number | undefined
}
export type RateChanges = { readonly [Kind in RateKind]?: RateChange | undefined }

export interface StatedRates {
  /** By the configuration. */
  readonly stated: RateLimits
  readonly changes: RateChanges
}

export interface RateInForce {
  readonly bytesPerSecond: number | undefined
  readonly from: 'configuration' | 'change'
  readonly untilMs: number | undefined
}

export function rateInForce({ stated, changes }: StatedRates, kind: RateKind, nowMs: number): RateInForce {
  const change = changes[kind]
  if (!change || (change.untilMs !== undefined && change.untilMs <= nowMs))
    return { bytesPerSecond: stated[kind], from: 'configuration', untilMs: undefined }
  const { bytesPerSecond, untilMs } = change
  return { bytesPerSecond: bytesPerSecond ?? undefined, from: 'change', untilMs }
}

export function limitsInForce(rates: StatedRates, nowMs: number): RateLimits {
  const held = rateKinds.map(kind => [kind, rateInForce(rates, kind, nowMs).bytesPerSecond] as const)
  return Object.fromEntries(held)
}

/** What is not asked for stays as it is. */
export function changed(
  before: RateChanges,
  asked: { readonly [Kind in RateKind]?: number | null | undefined },
  untilMs: number | undefined,
): RateChanges {
  const asksFor = (kind: RateKind): RateChange | undefined => {
    const bytesPerSecond = asked[kind]
    return bytesPerSecond === undefined ? before[kind] : { bytesPerSecond, untilMs }
  }
  return { read: asksFor('read'), network: asksFor('network') }
}

/**
 * While the database suffers, a share of that: of the limit, or of the rate that was measured before. Where neither is
 * known, it goes on as it is until it was measured; what is slower than the floor by itself is left alone.
 */
export function slowedLimits(held: RateLimits, share: number, measured: RateLimits): RateLimits {
  if (share >= 1) return held
  const slowed = (kind: RateKind): number | undefined => {
    const full = held[kind] ?? measured[kind] ?? 0
    return full < limits.rateBytesMin ? undefined : Math.max(limits.rateBytesMin, full * share)
  }
  return { read: slowed('read'), network: slowed('network') }
}
