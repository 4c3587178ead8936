import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { MiB, collect, pattern } from '../../../../test/contract/tools.ts'
import { limits } from '../../../base/limits.ts'
import type { ByteRange } from '../../storage.ts'
import { readAhead, type Fetched, type FetchRange } from './read-ahead.ts'

const { signal } = new AbortController()
const bytes = pattern(50 * MiB + 11)

interface Source {
  readonly fetchRange: FetchRange
  readonly asked: ByteRange[]
  mostInFlight: number
}

function sourceOf(versionOf: (range: ByteRange) => string = () => 'one'): Source {
  let inFlight = 0
  const source: Source = {
    asked: [],
    mostInFlight: 0,
    async fetchRange(range, stop): Promise<Fetched> {
      source.asked.push(range)
      source.mostInFlight = Math.max(source.mostInFlight, ++inFlight)
      await delay(2, undefined, { signal: stop })
      inFlight--
      const piece = bytes.subarray(range.startBytes, range.endBytes)
      return {
        pieces: piece.length > 0 ? [piece] : [],
        objectSizeBytes: bytes.length,
        version: versionOf(range),
      }
    },
  }
  return source
}

test('an object of unknown size is read by several requests, once the first has told its size', async () => {
  const source = sourceOf()
  expect((await collect(readAhead('key', source.fetchRange, undefined, signal))).equals(bytes)).toBe(true)
  expect(source.asked).toHaveLength(Math.ceil(bytes.length / limits.objectReadSizeBytes))
  expect(source.mostInFlight).toBeGreaterThan(2)
  expect(source.mostInFlight).toBeLessThanOrEqual(limits.objectReadAheadBytesMax / limits.objectReadSizeBytes)
})

test('a small range is one request, and exactly that', async () => {
  const source = sourceOf()
  const range = { startBytes: 7, endBytes: 7 + MiB }
  expect(
    (await collect(readAhead('key', source.fetchRange, range, signal))).equals(bytes.subarray(7, 7 + MiB)),
  ).toBe(true)
  expect(source.asked).toEqual([range])
})

test('so is one up to the size of a part that somebody reads ahead', async () => {
  const source = sourceOf()
  const range = { startBytes: 3, endBytes: 3 + limits.objectReadWholeSizeBytesMax }
  await collect(readAhead('key', source.fetchRange, range, signal))
  expect(source.asked).toEqual([range])
  const larger = { ...range, endBytes: range.endBytes + 1 }
  const parted = sourceOf()
  await collect(readAhead('key', parted.fetchRange, larger, signal))
  expect(parted.asked).toHaveLength(3)
})

test('who reads only the beginning has not asked for all of it', async () => {
  const source = sourceOf()
  for await (const piece of readAhead('key', source.fetchRange, undefined, signal)) {
    expect(piece.length).toBeGreaterThan(0)
    break
  }
  expect(source.asked.length).toBeLessThanOrEqual(3)
})

test('answers of different versions are not put together', async () => {
  const source = sourceOf(({ startBytes }) => (startBytes < 20 * MiB ? 'one' : 'two'))
  await expect(collect(readAhead('key', source.fetchRange, undefined, signal))).rejects.toThrow(
    'different versions',
  )
})

test('a request that fails ends the reading, and no other goes on', async () => {
  const source = sourceOf()
  const failing: FetchRange = (range, stop) =>
    range.startBytes >= 8 * MiB ? Promise.reject(new Error('broken')) : source.fetchRange(range, stop)
  let readBytes = 0
  const reading = async (): Promise<void> => {
    for await (const piece of readAhead('key', failing, undefined, signal)) readBytes += piece.length
  }
  await expect(reading()).rejects.toThrow('broken')
  expect(readBytes).toBe(8 * MiB)
})
