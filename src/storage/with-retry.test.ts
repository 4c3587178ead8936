import { describe, expect, test } from 'vitest'
import { storageContract } from '../../test/contract/storage-contract.ts'
import { pattern } from '../../test/contract/tools.ts'
import { isFault } from '../base/fault.ts'
import { retryWith } from '../base/retry.ts'
import { simWorld } from '../base/world.ts'
import { openMemoryStorage } from './drivers/memory.ts'
import { bodyOf, type Storage } from './storage.ts'
import { faultsAt, seededFaults, withFaults, type FaultPlan } from './with-faults.ts'
import { withRetry } from './with-retry.ts'

const signal = new AbortController().signal
const world = simWorld()
const retry = retryWith(world, { attemptsMax: 5, pauseMsFirst: 10, pauseMsMax: 100 })

function shaky(plan: FaultPlan): { solid: Storage; tried: Storage } {
  const solid = openMemoryStorage(world.clock)
  return { solid, tried: withRetry(withFaults(inPieces(solid), plan, world.clock), retry) }
}

/** The memory driver gives an object in one piece; real ones do not. */
function inPieces(inner: Storage): Storage {
  return {
    ...inner,
    async *get(key, range, signal) {
      for await (const piece of inner.get(key, range, signal)) {
        for (let at = 0; at < piece.length; at += 100_000) yield piece.subarray(at, at + 100_000)
      }
    },
  }
}

storageContract('memory that is slow now and then, tried again', () =>
  Promise.resolve(shaky(seededFaults(7, 0.05, ['slow'])).tried),
)

describe('retry', () => {
  test('what failed for a passing reason is done again', async () => {
    const { tried } = shaky(faultsAt({ 1: 'fail', 2: 'fail' }))
    expect(await tried.put('a', bodyOf(Buffer.from('x')), signal)).toBe('written')
  })

  test('after a lost answer, put says that the key is taken', async () => {
    const { tried } = shaky(faultsAt({ 1: 'lose-answer' }))
    expect(await tried.put('a', bodyOf(Buffer.from('x')), signal)).toBe('taken')
  })

  test('it gives up after so many attempts, with the last fault', async () => {
    const { tried } = shaky(() => 'fail')
    await expect(tried.stat('a', signal)).rejects.toSatisfy(error => isFault(error, 'STORAGE_UNAVAILABLE'))
  })

  test('a read that breaks off goes on where it broke off', async () => {
    const bytes = pattern(2_000_000)
    for (let seed = 1; seed <= 20; seed++) {
      const { solid, tried } = shaky(seededFaults(seed, 0.15, ['fail']))
      await solid.put('a', bodyOf(bytes), signal)
      const range = { startBytes: 1_000 * seed, endBytes: 1_900_000 }
      const got = Buffer.concat(await Array.fromAsync(tried.get('a', range, signal)))
      expect(got.equals(bytes.subarray(range.startBytes, range.endBytes))).toBe(true)
    }
  })

  test('a list that breaks off goes on without gaps or doubles', async () => {
    const { solid, tried } = shaky(faultsAt({ 20: 'fail', 21: 'fail', 70: 'fail', 150: 'lose-answer' }))
    const keys = Array.from({ length: 60 }, (_, i) => `k/${String(i).padStart(3, '0')}`)
    for (const key of keys) await solid.put(key, bodyOf(Buffer.from('x')), signal)
    expect((await Array.fromAsync(tried.list('k/', signal))).map(({ key }) => key)).toEqual(keys)
  })

  test('a missing object is told at once, not tried again', async () => {
    const { tried } = shaky(() => undefined)
    const before = world.clock.now()
    await expect(Array.fromAsync(tried.get('none', undefined, signal))).rejects.toSatisfy(error =>
      isFault(error, 'OBJECT_MISSING'),
    )
    expect(world.clock.now()).toBe(before)
  })
})

describe('injected faults', () => {
  test('the same seed gives the same story', () => {
    const story = (seed: number) =>
      Array.from({ length: 200 }, (_, i) => seededFaults(seed, 0.2, ['fail', 'cut'])(i))
    expect(story(1)).toEqual(story(1))
    expect(story(1)).not.toEqual(story(2))
    expect(story(1).filter(kind => kind !== undefined).length).toBeGreaterThan(20)
  })

  test('a cut read ends early, and a corrupt one has one bit wrong', async () => {
    const bytes = pattern(250_000)
    const read = async (plan: FaultPlan) => {
      const solid = openMemoryStorage(world.clock)
      await solid.put('a', bodyOf(bytes), signal)
      return Buffer.concat(
        await Array.fromAsync(withFaults(inPieces(solid), plan, world.clock).get('a', undefined, signal)),
      )
    }
    expect((await read(faultsAt({ 2: 'cut' }))).equals(bytes.subarray(0, 100_000))).toBe(true)
    const corrupt = await read(faultsAt({ 2: 'corrupt' }))
    const wrong = corrupt.map((byte, i) => byte ^ (bytes[i] ?? 0)).filter(difference => difference !== 0)
    expect(wrong).toHaveLength(1)
    expect(Math.log2(wrong[0] ?? 0) % 1).toBe(0)
  })
})
