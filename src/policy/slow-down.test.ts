import { describe, expect, test } from 'vitest'
import { limits } from '../base/limits.ts'
import { MiB, second } from '../base/units.ts'
import { RateMeter } from './rate-meter.ts'
import { decideSlowness, fullSpeed, medianOf, shareOf, type Slowness, type Strain } from './slow-down.ts'
import { slowedLimits } from './rate-limits.ts'

const rule = { replicationLag: 30 * second, latency: 200 }
const calm: Strain = { replicationLagMs: 0, latencyMs: 5 }
const lagging: Strain = { replicationLagMs: 45 * second, latencyMs: 5 }

/** Looks every five seconds for so long; how many steps down it stands at each time. */
function watch(from: Slowness, strain: Strain, forMs: number, startMs = 0): readonly Slowness[] {
  const seen: Slowness[] = []
  let now = from
  for (let ms = startMs; ms < startMs + forMs; ms += limits.slowLookMs)
    seen.push((now = decideSlowness(now, rule, strain, ms)))
  return seen
}

describe('when the database suffers', () => {
  test('the rate is halved at once, and again as long as it is too much, down to a floor', () => {
    const seen = watch(fullSpeed, lagging, 10 * limits.slowStepMs)
    expect(seen[0]).toEqual({ steps: 1, changedMs: 0, reason: 'replication lag 45.0 s' })
    expect(seen.map(({ steps }) => steps)).toEqual(seen.map(({ steps }) => steps).toSorted((a, b) => a - b))
    expect(new Set(seen.map(shareOf))).toEqual(new Set([1 / 2, 1 / 4, 1 / 8, 1 / 16]))
    for (const [i, { steps }] of seen.entries())
      expect(steps).toBe(
        Math.min(limits.slowStepsMax, 1 + Math.floor((i * limits.slowLookMs) / limits.slowStepMs)),
      )
  })

  test('latency is a reason of its own', () => {
    const slow = decideSlowness(fullSpeed, rule, { replicationLagMs: undefined, latencyMs: 350 }, 0)
    expect(slow).toMatchObject({ steps: 1, reason: 'latency 350 ms' })
    expect(decideSlowness(fullSpeed, { replicationLag: second }, { ...calm, latencyMs: 9999 }, 0)).toBe(
      fullSpeed,
    )
  })

  test('it comes back step by step, slower than it went', () => {
    const low = watch(fullSpeed, lagging, 10 * limits.slowStepMs).at(-1) ?? fullSpeed
    const seen = watch(low, calm, 6 * limits.recoverStepMs, 10 * limits.slowStepMs)
    const steps = seen.map(one => one.steps)
    expect(steps).toEqual(steps.toSorted((a, b) => b - a))
    expect(seen.at(-1)).toMatchObject({ steps: 0, reason: undefined })
    expect(steps.indexOf(2) - steps.indexOf(3)).toBe(limits.recoverStepMs / limits.slowLookMs)
    expect(limits.recoverStepMs).toBeGreaterThan(limits.slowStepMs)
  })

  test('between too much and well nothing changes, nor when nobody can tell', () => {
    const one = decideSlowness(fullSpeed, rule, lagging, 0)
    for (const strain of [
      { replicationLagMs: 20 * second, latencyMs: 5 },
      { replicationLagMs: 0, latencyMs: 150 },
      { replicationLagMs: undefined, latencyMs: undefined },
    ])
      expect(watch(one, strain, 10 * limits.recoverStepMs, second).at(-1)).toBe(one)
  })
})

test('one slow answer among good ones is no latency', () => {
  expect(medianOf([4, 5000, 5, 6, 4])).toBe(5)
  expect(medianOf([])).toBeUndefined()
})

describe('what is halved', () => {
  test('is the limit, where there is one, and else the rate that was measured; never below the floor', () => {
    const measured = { read: 300 * MiB, network: 100 * MiB }
    expect(slowedLimits({ network: 40 * MiB }, 1 / 4, measured)).toEqual({
      read: 75 * MiB,
      network: 10 * MiB,
    })
    expect(slowedLimits({ network: 2 * MiB }, 1 / 16, {})).toEqual({
      read: undefined,
      network: limits.rateBytesMin,
    })
    expect(slowedLimits({}, 1 / 2, { read: 0, network: 1000 })).toEqual({
      read: undefined,
      network: undefined,
    })
    expect(slowedLimits({ network: 40 * MiB }, 1, measured)).toEqual({ read: undefined, network: 40 * MiB })
  })

  test('is measured over some seconds, and kept', () => {
    const meter = new RateMeter()
    expect(meter.bytesPerSecond).toBeUndefined()
    for (let ms = 0; ms <= 20 * second; ms += limits.rateLookMs) meter.add(ms, ms * 10)
    expect(meter.bytesPerSecond).toBe(10_000)
    // After a pause of the job it is the last seconds that count.
    for (let ms = 20 * second; ms <= 60 * second; ms += limits.rateLookMs)
      meter.add(ms, 200_000 + (ms - 20 * second))
    expect(meter.bytesPerSecond).toBe(1000)
  })
})
