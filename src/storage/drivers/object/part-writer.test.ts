import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { MiB, pattern } from '../../../../test/contract/tools.ts'
import { limits } from '../../../base/limits.ts'
import { openPartWriter, type PartSink } from './part-writer.ts'

const { signal } = new AbortController()

interface Seen {
  readonly parts: Buffer[]
  whole: Buffer | undefined
  inFlightBytes: number
  mostInFlightBytes: number
  readonly events: string[]
}

/** Keeps what it is given, a little later; `failsAt` names the part that is refused. */
function sinkThatKeeps(failsAt?: number): PartSink & { readonly seen: Seen } {
  const seen: Seen = { parts: [], whole: undefined, inFlightBytes: 0, mostInFlightBytes: 0, events: [] }
  const event = async (name: string): Promise<void> => {
    seen.events.push(name)
    await delay(1)
  }
  return {
    seen,
    async putWhole(bytes) {
      await event('whole')
      seen.whole = Buffer.from(bytes)
      return 'written'
    },
    begin: () => event('begin'),
    async putPart(index, bytes, stop) {
      seen.inFlightBytes += bytes.length
      seen.mostInFlightBytes = Math.max(seen.mostInFlightBytes, seen.inFlightBytes)
      // The later parts overtake the earlier ones.
      await delay(20 - (index % 4) * 4, undefined, { signal: stop })
      seen.inFlightBytes -= bytes.length
      if (index === failsAt) throw new Error(`part ${String(index)} was refused`)
      seen.parts[index] = Buffer.from(bytes)
    },
    async finish(sizeBytes) {
      await event(`finish ${String(sizeBytes)}`)
      return 'written'
    },
    discard: () => event('discard'),
  }
}

test('what fits into one part is one request', async () => {
  for (const sizeBytes of [0, 1, limits.objectPartSizeBytes]) {
    const sink = sinkThatKeeps()
    const writer = openPartWriter('key', sink, signal)
    await writer.write(pattern(sizeBytes))
    expect(await writer.commit()).toBe('written')
    expect(sink.seen.events).toEqual(['whole'])
    expect(sink.seen.whole?.equals(pattern(sizeBytes))).toBe(true)
  }
})

test('more goes up in equal parts, several at the same time, within a bound', async () => {
  const sink = sinkThatKeeps()
  const bytes = pattern(100 * MiB + 7)
  const writer = openPartWriter('key', sink, signal)
  for (let at = 0; at < bytes.length; at += 3 * MiB) await writer.write(bytes.subarray(at, at + 3 * MiB))
  expect(await writer.commit()).toBe('written')
  expect(sink.seen.events).toEqual(['begin', `finish ${String(bytes.length)}`])
  expect(new Set(sink.seen.parts.slice(0, -1).map(part => part.length))).toEqual(
    new Set([limits.objectPartSizeBytes]),
  )
  expect(Buffer.concat(sink.seen.parts).equals(bytes)).toBe(true)
  expect(sink.seen.mostInFlightBytes).toBe(limits.objectWriteAheadBytesMax)
})

test('a part that fails ends the writing, and giving up discards what was begun', async () => {
  const sink = sinkThatKeeps(1)
  const writer = openPartWriter('key', sink, signal)
  const writing = async (): Promise<void> => {
    for (let i = 0; i < 100; i++) await writer.write(Buffer.alloc(MiB))
    await writer.commit()
  }
  await expect(writing()).rejects.toThrow('part 1 was refused')
  await writer.abort()
  await writer.abort()
  expect(sink.seen.events).toEqual(['begin', 'discard'])
})

test('giving up stops what is on its way', async () => {
  const sink = sinkThatKeeps()
  const writer = openPartWriter('key', sink, signal)
  for (let i = 0; i < 9; i++) await writer.write(Buffer.alloc(MiB))
  await writer.abort()
  expect(sink.seen.parts).toEqual([])
  expect(sink.seen.events).toEqual(['begin', 'discard'])
  await expect(writer.commit()).rejects.toThrow('only until')
})
