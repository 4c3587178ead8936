/** Watches the server while a job moves data, and has the jobs step back when it suffers. */
import { messageOf } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import type { Log } from '../base/log.ts'
import type { Clock } from '../base/world.ts'
import {
  decideSlowness,
  fullSpeed,
  medianOf,
  shareOf,
  type Slowness,
  type SlowDownRule,
  type Strain,
} from '../policy/slow-down.ts'
import { isOver } from './copies-service.ts'
import type { RateDesk } from './rate-desk.ts'

export interface StrainProbe {
  /** Limited in time. Rejects when the server can not be asked. */
  look(signal: AbortSignal): Promise<Strain>
  close(): Promise<void>
}

export interface SlowDownDeps {
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>
  readonly log: Log
  readonly probe: StrainProbe
  readonly desk: Pick<RateDesk, 'slow'>
  /** Undefined: nobody asked for it. */
  readonly rule: () => SlowDownRule | undefined
  /** Whether a job runs that reads or sends. */
  readonly isMoving: () => boolean
}

/** Until the signal. */
export async function keepSlowing(deps: SlowDownDeps, signal: AbortSignal): Promise<void> {
  const { clock, probe, rule, isMoving } = deps
  const latencies: number[] = []
  let now = fullSpeed
  while (!signal.aborted) {
    await clock.sleep(limits.slowLookMs, signal).catch(() => undefined)
    const asked = rule()
    if (isOver(signal) || asked === undefined || !isMoving()) {
      now = await settle(deps, now, fullSpeed)
      latencies.length = 0
      await probe.close().catch(() => undefined)
      continue
    }
    const strain = await look(deps, signal)
    if (strain.latencyMs !== undefined) latencies.push(strain.latencyMs)
    if (latencies.length > limits.latenciesKept) latencies.shift()
    const seen = { ...strain, latencyMs: strain.latencyMs === undefined ? undefined : medianOf(latencies) }
    now = await settle(deps, now, decideSlowness(now, asked, seen, clock.monotonicMs()))
  }
}

/** A server that can not be asked is told of by others. */
async function look({ probe }: SlowDownDeps, signal: AbortSignal): Promise<Strain> {
  try {
    return await probe.look(signal)
  } catch {
    return { replicationLagMs: undefined, latencyMs: undefined }
  }
}

async function settle({ desk, log }: SlowDownDeps, before: Slowness, next: Slowness): Promise<Slowness> {
  if (next.steps === before.steps) return next
  try {
    await desk.slow(next)
  } catch (error) {
    log.warn('rates.unchanged', { error: messageOf(error) })
    return before
  }
  if (next.steps > before.steps) log.warn('rates.slowed', { share: shareOf(next), reason: next.reason })
  else log.info('rates.recovering', { share: shareOf(next) })
  return next
}
