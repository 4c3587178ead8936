import { describe, expect, test } from 'vitest'
import { simWorld } from '../../base/world.ts'
import { openMemoryStorage } from '../../storage/drivers/memory.ts'
import type { Storage } from '../../storage/storage.ts'
import { tryStorage } from './check-storage.ts'

const world = simWorld({ startMs: 1_000_000 })
const { signal } = new AbortController()

async function complaintOf(change: (storage: Storage) => Partial<Storage>): Promise<string> {
  const storage = openMemoryStorage(world.clock)
  return tryStorage({ ...storage, ...change(storage) }, 'gathr', world, signal).then(
    () => 'none',
    (error: unknown) => String(error),
  )
}

describe('a storage is tried out', () => {
  test('and nothing is left behind', async () => {
    const storage = openMemoryStorage(world.clock)
    const { findings, clockAheadMs } = await tryStorage(storage, 'gathr', world, signal)
    expect(findings.map(({ state }) => state)).toEqual(['ok'])
    expect(clockAheadMs).toBe(0)
    expect(await Array.fromAsync(storage.list('', signal))).toEqual([])
  })

  test('and refused when it replaces what is there', async () => {
    expect(await complaintOf(() => ({ put: () => Promise.resolve('written') }))).toMatch(
      /an object that was there was replaced/,
    )
  })

  test('and refused when it gives back something else', async () => {
    const garbled = async function* (): AsyncIterable<Uint8Array> {
      yield new Uint8Array(64)
    }
    expect(await complaintOf(() => ({ get: garbled }))).toMatch(/what was read is not what was written/)
  })
})
