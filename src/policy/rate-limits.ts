/** Decides only: which limits of the rates hold, and why. */
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
  return Object.fromEntries(held) as RateLimits
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
