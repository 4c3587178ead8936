import { describe, expect, test } from 'vitest'
import { storageContract } from '../../test/contract/storage-contract.ts'
import { pattern } from '../../test/contract/tools.ts'
import { isFault } from '../base/fault.ts'
import { systemWorld } from '../base/world.ts'
import { openMemoryStorage } from './drivers/memory.ts'
import { bodyOf, type Body, type Storage } from './storage.ts'
import { withLimits } from './with-limits.ts'

const signal = new AbortController().signal
const { clock } = systemWorld()
const never = new Promise<never>(() => undefined)
const tooLate = (error: unknown) =>
  isFault(error, 'STORAGE_UNAVAILABLE') && error.message.includes('no answer')

storageContract('memory with limits of time', () =>
  Promise.resolve(withLimits(openMemoryStorage(clock), clock)),
)

/** A storage like a mount whose server is gone. */
function hung(): Storage {
  const hang = () => never
  return {
    ...openMemoryStorage(clock),
    put: hang,
    create: hang,
    stat: hang,
    delete: hang,
    async *get() {
      yield await never
    },
    async *list() {
      yield await never
    },
  }
}

describe('limits of time', () => {
  test('every call on a storage that hangs ends with a fault', async () => {
    const storage = withLimits(hung(), clock, 20)
    await expect(storage.put('a', bodyOf(Buffer.from('x')), signal)).rejects.toSatisfy(tooLate)
    await expect(storage.create('a', signal)).rejects.toSatisfy(tooLate)
    await expect(storage.stat('a', signal)).rejects.toSatisfy(tooLate)
    await expect(storage.delete(['a'], signal)).rejects.toSatisfy(tooLate)
    await expect(Array.fromAsync(storage.get('a', undefined, signal))).rejects.toSatisfy(tooLate)
    await expect(Array.fromAsync(storage.list('a', signal))).rejects.toSatisfy(tooLate)
  })

  test('a put may take longer than the limit as long as it moves', async () => {
    const storage = withLimits(openMemoryStorage(clock), clock, 60)
    const bytes = pattern(8 * 1024)
    const slow: Body = {
      sizeBytes: bytes.length,
      async *open() {
        for (let at = 0; at < bytes.length; at += 1024) {
          await clock.sleep(20, signal)
          yield bytes.subarray(at, at + 1024)
        }
      },
    }
    expect(await storage.put('a', slow, signal)).toBe('written')
  })
})
