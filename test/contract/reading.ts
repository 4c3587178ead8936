/** Objects are read, whole and in ranges. */
import { beforeAll, expect, test } from 'vitest'
import { bodyOf, type Storage } from '../../src/storage/storage.ts'
import { KiB, pattern, read, signal } from './tools.ts'

export function objectsAreReadInRanges(storage: () => Storage): void {
  const bytes = pattern(3 * KiB * KiB + 17)

  beforeAll(async () => {
    await storage().put('ranges/large', bodyOf(bytes), signal)
  })

  test('a large object comes back whole', async () => {
    expect((await read(storage(), 'ranges/large')).equals(bytes)).toBe(true)
  })

  test.each([
    [0, 1],
    [0, 0],
    [17, 17],
    [1_048_575, 1_048_577],
    [5, 3_000_000],
    [3 * KiB * KiB, 3 * KiB * KiB + 17],
  ])('the range from %d to %d is exactly that', async (startBytes, endBytes) => {
    const got = await read(storage(), 'ranges/large', { startBytes, endBytes })
    expect(got.equals(bytes.subarray(startBytes, endBytes))).toBe(true)
  })

  test('a range past the end is cut at the end', async () => {
    const startBytes = bytes.length - 3
    expect(await read(storage(), 'ranges/large', { startBytes, endBytes: bytes.length + 100 })).toEqual(
      bytes.subarray(startBytes),
    )
    expect(
      await read(storage(), 'ranges/large', { startBytes: bytes.length + 5, endBytes: bytes.length + 9 }),
    ).toHaveLength(0)
  })

  test("pieces that were read are the reader's own", async () => {
    const pieces: Uint8Array[] = []
    for await (const piece of storage().get('ranges/large', undefined, signal)) pieces.push(piece)
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true)
  })

  test('a reader may stop early', async () => {
    for await (const piece of storage().get('ranges/large', undefined, signal)) {
      expect(piece.length).toBeGreaterThan(0)
      break
    }
  })
}
