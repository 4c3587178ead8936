import { expect, test } from 'vitest'
import { Fault } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { simWorld } from '../base/world.ts'
import { openPace, type Pace } from './pace.ts'

const { signal } = new AbortController()
const slowDown = (): Fault => new Fault('STORAGE_THROTTLED', 'slow down', { hint: 'Wait.' })

/** Starts so many requests that end when they are told to. */
function start(pace: Pace, count: number): { inFlight(): number; end(error?: Error): Promise<void> } {
  const running: PromiseWithResolvers<undefined>[] = []
  const settled = Promise.allSettled(
    Array.from({ length: count }, () =>
      pace.run(() => {
        const request = Promise.withResolvers<undefined>()
        running.push(request)
        return request.promise
      }, signal),
    ),
  )
  return {
    inFlight: () => running.length,
    async end(error) {
      for (let ended = 0; ended < count;) {
        for (const request of running.splice(0)) {
          ended++
          if (error) request.reject(error)
          else request.resolve(undefined)
        }
        await new Promise(resolve => setImmediate(resolve))
      }
      await settled
    },
  }
}

const turn = (): Promise<unknown> => new Promise(resolve => setImmediate(resolve))

test('so many requests are in flight, and the others wait for a place', async () => {
  const requests = start(openPace(simWorld()), limits.objectRequestsMax + 10)
  await turn()
  expect(requests.inFlight()).toBe(limits.objectRequestsMax)
  await requests.end()
})

test('a storage that asks to be called less often is given a pause, by everybody, and fewer at a time', async () => {
  const world = simWorld()
  const pace = openPace(world)
  const many = start(pace, 32)
  await turn()
  await many.end(slowDown())
  const beforeMs = world.clock.monotonicMs()
  const after = start(pace, limits.objectRequestsMax)
  await turn()
  expect(world.clock.monotonicMs() - beforeMs).toBeGreaterThanOrEqual(limits.objectThrottlePauseMsFirst / 2)
  // All 32 were told at the same time: that counts once.
  expect(after.inFlight()).toBe(limits.objectRequestsMax / 2)
  await after.end()
})

test('what goes well wins the places back, slowly', async () => {
  const pace = openPace(simWorld())
  await expect(pace.run(() => Promise.reject(slowDown()), signal)).rejects.toThrow('slow down')
  for (let i = 0; i < 20; i++) await pace.run(() => Promise.resolve(), signal)
  const some = start(pace, limits.objectRequestsMax)
  await turn()
  expect(some.inFlight()).toBe(limits.objectRequestsMax / 2)
  await some.end()
  for (let i = 0; i < 5_000; i++) await pace.run(() => Promise.resolve(), signal)
  const all = start(pace, limits.objectRequestsMax)
  await turn()
  expect(all.inFlight()).toBe(limits.objectRequestsMax)
  await all.end()
})

test('who is told to stop does not wait for a place any more, and takes none', async () => {
  const pace = openPace(simWorld())
  const full = start(pace, limits.objectRequestsMax)
  await turn()
  const stop = new AbortController()
  const waiting = pace.run(() => Promise.resolve('done'), stop.signal)
  const next = pace.run(() => Promise.resolve('next'), signal)
  stop.abort(new Error('stopped'))
  await expect(waiting).rejects.toThrow('stopped')
  await full.end()
  expect(await next).toBe('next')
})
