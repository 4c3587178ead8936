import { expect, test } from 'vitest'
import type { Rates } from '../base/rates.ts'
import { KiB, MiB } from '../base/units.ts'
import { simWorld } from '../base/world.ts'
import { openMemoryStorage } from './drivers/memory.ts'
import { bodyOf } from './storage.ts'
import { withRates } from './with-rates.ts'

const signal = new AbortController().signal

/** Lets everything go, and remembers what was asked for. */
function countingRates(isLimited = true): {
  readonly rates: Rates
  readonly taken: number[]
  readonly sum: () => number
} {
  const taken: number[] = []
  const rates: Rates = {
    memory: new SharedArrayBuffer(0),
    set() {},
    isLimited: () => isLimited,
    moved: () => 0,
    take(kind, bytes) {
      expect(kind).toBe('network')
      taken.push(bytes)
      return Promise.resolve()
    },
  }
  return { rates, taken, sum: () => taken.reduce((a, b) => a + b, 0) }
}

const memory = () => openMemoryStorage(simWorld().clock)
const bytes = Uint8Array.from({ length: MiB + 17 }, (_, i) => (i * 7) % 251)

test('what is put and what is got is counted, byte by byte, in small pieces', async () => {
  const { rates, taken, sum } = countingRates()
  const inner = memory()
  const storage = withRates(inner, rates)
  expect(await storage.put('a', bodyOf(bytes), signal)).toBe('written')
  expect(sum()).toBe(bytes.length)
  taken.length = 0
  const got: Uint8Array[] = []
  for await (const piece of storage.get('a', undefined, signal)) got.push(piece)
  expect(Buffer.concat(got).equals(bytes)).toBe(true)
  expect(sum()).toBe(bytes.length)
  expect(Math.max(...taken)).toBeLessThanOrEqual(32 * KiB)
})

test('what is written to several places counts as often as there are places', async () => {
  const { rates, sum } = countingRates()
  let places = 2
  const storage = withRates(memory(), rates, () => places)
  const writer = await storage.create('a', signal)
  await writer.write(bytes)
  places = 1
  await writer.write(bytes)
  expect(await writer.commit()).toBe('written')
  expect(sum()).toBe(3 * bytes.length)
})

test('a body that is sent again counts again', async () => {
  const { rates, sum } = countingRates()
  const inner = memory()
  let tries = 0
  const storage = withRates(
    {
      ...inner,
      async put(key, body, stop) {
        for await (const piece of body.open()) tries += Math.sign(piece.length)
        return inner.put(key, body, stop)
      },
    },
    rates,
  )
  await storage.put('a', bodyOf(bytes), signal)
  expect(tries).toBeGreaterThan(0)
  expect(sum()).toBe(2 * bytes.length)
})

test('without a limit pieces stay as they are', async () => {
  const { rates, taken } = countingRates(false)
  const storage = withRates(memory(), rates)
  await storage.put('a', bodyOf(bytes), signal)
  expect(taken).toEqual([bytes.length])
})

test('where nothing can be limited the storage is what it was', () => {
  const inner = memory()
  expect(withRates(inner, undefined)).toBe(inner)
})
