/** Objects may be large: the memory for one does not grow with it, and a race for one has one winner, too. */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import type { ObjectWriter, Storage } from '../../src/storage/storage.ts'
import { MiB, collect, list, pattern, read, signal } from './tools.ts'

const streamSizeMiB = 300
/** Of buffers, above what there was before: parts on their way, and what the collector has not come to yet. */
const memoryBytesMax = 160 * MiB

export function objectsMayBeLarge(storage: () => Storage): void {
  test('a stream of 300 MiB is written and read back in bounded memory', async () => {
    const piece = pattern(MiB)
    const [hash, memory] = [createHash('sha256'), watchMemory()]
    const writer = await storage().create('large/stream', signal)
    for (let i = 0; i < streamSizeMiB; i++) {
      piece.writeUInt32LE(i)
      hash.update(piece)
      await writer.write(piece)
      memory.look()
    }
    expect(await writer.commit()).toBe('written')
    const expected = hash.digest('hex')
    const readHash = createHash('sha256')
    for await (const got of storage().get('large/stream', undefined, signal)) {
      readHash.update(got)
      memory.look()
    }
    expect(readHash.digest('hex')).toBe(expected)
    expect(memory.mostBytes()).toBeLessThan(memoryBytesMax)
    await storage().delete(['large/stream'], signal)
  })

  test('a large body whose size is known is written whole', async () => {
    const piece = pattern(MiB)
    const body = {
      sizeBytes: 40 * MiB,
      async *open() {
        for (let i = 0; i < 40; i++) yield piece
      },
    }
    expect(await storage().put('large/known', body, signal)).toBe('written')
    expect(await storage().put('large/known', body, signal)).toBe('taken')
    expect((await read(storage(), 'large/known')).subarray(39 * MiB).equals(piece)).toBe(true)
    expect(await storage().stat('large/known', signal)).toMatchObject({ sizeBytes: 40 * MiB })
  })

  test('any range of a large object is exactly that', async () => {
    const bytes = pattern(21 * MiB + 5)
    await write(await storage().create('large/ranges', signal), bytes)
    for (const [startBytes, endBytes] of [
      [0, bytes.length],
      [3 * MiB + 7, 19 * MiB + 1],
      [8 * MiB - 1, 8 * MiB + 1],
      [bytes.length - 1, bytes.length + 10 * MiB],
    ] as const) {
      const got = await read(storage(), 'large/ranges', { startBytes, endBytes })
      expect(got.equals(bytes.subarray(startBytes, endBytes))).toBe(true)
    }
  })

  test('who stops in the midst of a large object can read on from there', async () => {
    const bytes = pattern(21 * MiB + 5)
    let reachedBytes = 0
    for await (const piece of storage().get('large/ranges', undefined, signal)) {
      expect(Buffer.compare(piece, bytes.subarray(reachedBytes, reachedBytes + piece.length))).toBe(0)
      reachedBytes += piece.length
      if (reachedBytes > 9 * MiB) break
    }
    const rest = { startBytes: reachedBytes, endBytes: bytes.length }
    expect(
      (await collect(storage().get('large/ranges', rest, signal))).equals(bytes.subarray(reachedBytes)),
    ).toBe(true)
  })

  test('a large object that is given up leaves nothing, also in the midst of being sent', async () => {
    const writer = await storage().create('large/aborted', signal)
    for (let i = 0; i < 20; i++) await writer.write(pattern(MiB))
    await writer.abort()
    expect(await list(storage(), 'large/aborted')).toEqual([])
    expect(await write(await storage().create('large/aborted', signal), Buffer.from('small'))).toBe('written')
  })
}

/** Only where a second write is refused. */
export function largeRacesHaveOneWinner(storage: () => Storage): void {
  test('of many large writers of the same key, exactly one wins, and its bytes are there', async () => {
    const bodies = Array.from({ length: 4 }, (_, i) => Buffer.alloc(17 * MiB, i + 1))
    const writers = await Promise.all(bodies.map(() => storage().create('large/race', signal)))
    const outcomes = await Promise.all(bodies.map((bytes, i) => write(writers[i]!, bytes)))
    expect(outcomes.filter(outcome => outcome === 'written')).toHaveLength(1)
    expect((await read(storage(), 'large/race')).equals(bodies[outcomes.indexOf('written')]!)).toBe(true)
  })
}

async function write(writer: ObjectWriter, bytes: Uint8Array): Promise<'written' | 'taken'> {
  await writer.write(bytes)
  return writer.commit()
}

function watchMemory(): { look(): void; mostBytes(): number } {
  const startBytes = process.memoryUsage().arrayBuffers
  let mostBytes = 0
  return {
    look: () => (mostBytes = Math.max(mostBytes, process.memoryUsage().arrayBuffers - startBytes)),
    mostBytes: () => mostBytes,
  }
}
