import { describe, expect, test } from 'vitest'
import { storageContract } from '../../test/contract/storage-contract.ts'
import { pattern } from '../../test/contract/tools.ts'
import { Fault, isFault } from '../base/fault.ts'
import { systemWorld } from '../base/world.ts'
import { openMemoryStorage } from './drivers/memory.ts'
import { bodyOf, type Storage } from './storage.ts'
import { withReadAhead } from './with-read-ahead.ts'

const never = new AbortController().signal
const { clock } = systemWorld()

storageContract('memory, read ahead', () =>
  Promise.resolve(
    withReadAhead(openMemoryStorage(clock), {
      partSizeBytesMax: 100_000,
      partsMax: 3,
      sizeBytesMax: 300_000,
    }),
  ),
)

interface Watched {
  readonly storage: Storage
  /** Starts of the ranges that were asked for, in order. */
  readonly asked: number[]
  readonly most: () => number
}

/** Each request takes a turn of the clock. */
function watched(inner: Storage, delayMs = 2): Watched {
  const asked: number[] = []
  let [now, most] = [0, 0]
  return {
    asked,
    most: () => most,
    storage: {
      ...inner,
      async *get(key, range, signal) {
        asked.push(range?.startBytes ?? 0)
        most = Math.max(most, ++now)
        try {
          await clock.sleep(delayMs, signal)
          yield* inner.get(key, range, signal)
        } finally {
          now--
        }
      },
    },
  }
}

const bytes = pattern(1_000)

async function open(partsMax: number, sizeBytesMax = 1_000): Promise<Watched & { readonly ahead: Storage }> {
  const inner = openMemoryStorage(clock)
  await inner.put('a', bodyOf(bytes), never)
  const seen = watched(inner)
  return { ...seen, ahead: withReadAhead(seen.storage, { partSizeBytesMax: 100, partsMax, sizeBytesMax }) }
}

const all = async (stream: AsyncIterable<Uint8Array>): Promise<Buffer> =>
  Buffer.concat(await Array.fromAsync(stream))

describe('reading ahead', () => {
  test('gives the bytes of the range, in order, with so many requests at a time and no more', async () => {
    const { ahead, most, asked } = await open(3)
    const got = await all(ahead.get('a', { startBytes: 50, endBytes: 950 }, never))
    expect(got.equals(bytes.subarray(50, 950))).toBe(true)
    expect(most()).toBe(3)
    expect(asked).toEqual([50, 150, 250, 350, 450, 550, 650, 750, 850])
  })

  test('cuts into equal parts: a small rest would be a request, too', async () => {
    const { ahead, asked } = await open(3)
    const got = await all(ahead.get('a', { startBytes: 0, endBytes: 210 }, never))
    expect(got.equals(bytes.subarray(0, 210))).toBe(true)
    expect(asked).toEqual([0, 70, 140])
  })

  test('has so many bytes under way and no more; one part always is', async () => {
    const bounded = await open(9, 250)
    expect(await all(bounded.ahead.get('a', { startBytes: 0, endBytes: 1000 }, never))).toHaveLength(1000)
    expect(bounded.most()).toBe(2)
    const tight = await open(9, 50)
    expect(await all(tight.ahead.get('a', { startBytes: 0, endBytes: 1000 }, never))).toHaveLength(1000)
    expect(tight.most()).toBe(1)
  })

  test('begins when it is called, and what is asked for next begins before this is consumed', async () => {
    const { ahead, asked } = await open(4)
    const one = ahead.get('a', { startBytes: 0, endBytes: 200 }, never)
    const two = ahead.get('a', { startBytes: 500, endBytes: 1000 }, never)
    expect(asked).toEqual([0, 100, 500, 600])
    expect((await all(one)).equals(bytes.subarray(0, 200))).toBe(true)
    expect((await all(two)).equals(bytes.subarray(500))).toBe(true)
  })

  test('ends where the object ends, when that is before the end of the range', async () => {
    const { ahead } = await open(3)
    expect(await all(ahead.get('a', { startBytes: 900, endBytes: 5_000 }, never))).toHaveLength(100)
  })

  test('what is not consumed is given up when its signal aborts, and makes room for others', async () => {
    const { ahead } = await open(2)
    const stop = new AbortController()
    const unwanted = ahead.get('a', { startBytes: 0, endBytes: 1000 }, stop.signal)
    stop.abort(new Fault('INTERRUPTED', 'not wanted', { hint: 'None.' }))
    expect(await all(ahead.get('a', { startBytes: 0, endBytes: 1000 }, never))).toHaveLength(1000)
    await expect(all(unwanted)).rejects.toSatisfy(error => isFault(error, 'INTERRUPTED'))
  })

  test('a reader that stops early makes room for others', async () => {
    const { ahead } = await open(1)
    for await (const piece of ahead.get('a', { startBytes: 0, endBytes: 1000 }, never)) {
      expect(piece).toHaveLength(100)
      break
    }
    expect(await all(ahead.get('a', { startBytes: 0, endBytes: 1000 }, never))).toHaveLength(1000)
  })

  test('a failure comes in its place, after the pieces before it', async () => {
    const inner = openMemoryStorage(clock)
    await inner.put('a', bodyOf(bytes), never)
    const failing: Storage = {
      ...inner,
      async *get(key, range, signal) {
        if (range?.startBytes === 200) throw new Fault('STORAGE_UNAVAILABLE', 'gone', { hint: 'A test.' })
        yield* inner.get(key, range, signal)
      },
    }
    const ahead = withReadAhead(failing, { partSizeBytesMax: 100, partsMax: 4, sizeBytesMax: 400 })
    const got: number[] = []
    const reading = (async () => {
      for await (const piece of ahead.get('a', { startBytes: 0, endBytes: 1000 }, never))
        got.push(piece.length)
    })()
    await expect(reading).rejects.toSatisfy(error => isFault(error, 'STORAGE_UNAVAILABLE'))
    expect(got).toEqual([100, 100])
  })
})
