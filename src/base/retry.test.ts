import { expect, test } from 'vitest'
import { Fault } from './fault.ts'
import { retryWith } from './retry.ts'
import { simWorld } from './world.ts'

const { signal } = new AbortController()
const away = (): Fault => new Fault('STORAGE_UNAVAILABLE', 'away', { hint: 'Wait.' })

test('pauses grow, with chance, up to a bound', async () => {
  const world = simWorld()
  const times: number[] = []
  const retry = retryWith(world, { attemptsMax: 8, pauseMsFirst: 100, pauseMsMax: 1_000 })
  const attempt = (): Promise<never> => {
    times.push(world.clock.monotonicMs())
    return Promise.reject(away())
  }
  await expect(retry(attempt, signal)).rejects.toThrow('away')
  const pauses = times.slice(1).map((time, i) => time - (times[i] ?? 0))
  expect(pauses).toHaveLength(7)
  for (const [i, pause] of pauses.entries()) {
    const boundMs = Math.min(1_000, 100 * 2 ** i)
    expect(pause).toBeGreaterThanOrEqual(boundMs / 2)
    expect(pause).toBeLessThanOrEqual(boundMs)
  }
})

test('no attempt begins after the time for all of them', async () => {
  const world = simWorld()
  let tries = 0
  const retry = retryWith(world, { attemptsMax: 100, pauseMsFirst: 1, pauseMsMax: 1, totalMsMax: 60_000 })
  const attempt = async (): Promise<never> => {
    tries++
    await world.clock.sleep(25_000, signal)
    throw away()
  }
  await expect(retry(attempt, signal)).rejects.toThrow('away')
  expect(tries).toBe(3)
})

test('a call inside another that is tried again is not tried the square of the attempts', async () => {
  let tries = 0
  const retry = retryWith(simWorld(), { attemptsMax: 4, pauseMsFirst: 1, pauseMsMax: 1 })
  const inner = (): Promise<never> => retry(() => Promise.reject(++tries > 0 ? away() : new Error()), signal)
  await expect(retry(inner, signal)).rejects.toThrow('away')
  expect(tries).toBe(4)
})
