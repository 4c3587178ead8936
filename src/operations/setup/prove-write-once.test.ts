import { describe, expect, test } from 'vitest'
import { Fault } from '../../base/fault.ts'
import { simWorld } from '../../base/world.ts'
import { openMemoryStorage } from '../../storage/drivers/memory.ts'
import { bodyOf, type ObjectWriter, type Storage } from '../../storage/storage.ts'
import { assertWriteOnce, oneAfterAnother, proveWriteOnce, racersOfInit } from './prove-write-once.ts'

const world = simWorld({ startMs: 1_000_000 })
const { signal } = new AbortController()

const memory = (): Storage => openMemoryStorage(world.clock)
const keysIn = async (storage: Storage): Promise<readonly string[]> =>
  (await Array.fromAsync(storage.list('', signal))).map(({ key }) => key)

/** The rights of a database host. */
const withoutDelete = (storage: Storage): Storage => ({
  ...storage,
  delete: () => Promise.reject(new Fault('STORAGE_DENIED', 'no', { hint: 'No.' })),
})

/** A server that does not know the condition: the last put wins. */
function replacing(storage: Storage): Storage {
  return {
    ...storage,
    async put(key, body, stop) {
      await storage.delete([key], stop)
      await storage.put(key, body, stop)
      return 'written'
    },
  }
}

/** A server that knows the condition of a put, and not that of the end of an upload: Ceph is one. */
function replacingUploads(storage: Storage): Storage {
  return {
    ...storage,
    async create(key, stop): Promise<ObjectWriter> {
      const writer = await storage.create(key, stop)
      return {
        ...writer,
        async commit() {
          await storage.delete([key], stop)
          await writer.commit()
          return 'written'
        },
      }
    },
  }
}

/** A server that numbers versions by the clock: every racer's driver looks, and what it finds is not what it sent. */
function findingOthers(storage: Storage, found: 'another' | 'changed'): Storage {
  return {
    ...storage,
    async put(key, body, stop) {
      const bytes = found === 'another' ? body : bodyOf(new Uint8Array(64))
      const outcome = await storage.put(key, bytes, stop)
      if (outcome === 'written') return outcome
      throw new Fault('OBJECT_CORRUPT', 'other bytes', { hint: 'No.' })
    },
  }
}

describe('that a second write is refused', () => {
  test('is proven by sixteen writers at the same time, and nothing is left behind', async () => {
    const storage = memory()
    const proof = await proveWriteOnce(storage, 'gathr', racersOfInit, world, signal)
    expect(proof).toEqual({ put: undefined, upload: undefined, tidy: true, unlisted: [] })
    expect(await keysIn(storage)).toEqual([])
  })

  test('is found not to be so: puts', async () => {
    const { put, upload } = await proveWriteOnce(replacing(memory()), 'gathr', racersOfInit, world, signal)
    expect(put).toMatch(/of 16 puts of one object at the same time, 16 succeeded/)
    expect(upload).toBeUndefined()
  })

  test('is found not to be so: uploads in parts', async () => {
    const storage = replacingUploads(memory())
    const { put, upload } = await proveWriteOnce(storage, 'gathr', racersOfInit, world, signal)
    expect(put).toBeUndefined()
    expect(upload).toMatch(/of 4 uploads in parts of one object at the same time, 4 succeeded/)
  })

  test('is found not to be so where a driver finds the bytes of another racer under the number of its own', async () => {
    const { put } = await proveWriteOnce(
      findingOthers(memory(), 'another'),
      'gathr',
      racersOfInit,
      world,
      signal,
    )
    expect(put).toBe('one of 16 puts at the same time replaced another')
  })

  test('but bytes that no racer sent were changed on their way: that stays a fault', async () => {
    const proof = proveWriteOnce(findingOthers(memory(), 'changed'), 'gathr', racersOfInit, world, signal)
    await expect(proof).rejects.toMatchObject({ code: 'OBJECT_CORRUPT' })
  })

  test('is found not to be so also one after another', async () => {
    const { put } = await proveWriteOnce(replacing(memory()), 'gathr', oneAfterAnother, world, signal)
    expect(put).toBe('an object that was there was replaced by a put')
  })

  test('is proven without a right to delete, and no more than two probes stay, however often', async () => {
    const storage = withoutDelete(memory())
    for (let i = 0; i < 3; i++) {
      const proof = await proveWriteOnce(storage, 'gathr', oneAfterAnother, world, signal)
      expect(proof).toEqual({ put: undefined, upload: undefined, tidy: false, unlisted: [] })
    }
    expect(await keysIn(storage)).toEqual([
      expect.stringMatching(/^gathr\/probes\/put-/),
      expect.stringMatching(/^gathr\/probes\/upload-/),
    ])
  })

  test('is found not to be so with a probe that was left', async () => {
    const inner = memory()
    await proveWriteOnce(withoutDelete(inner), 'gathr', oneAfterAnother, world, signal)
    const { put } = await proveWriteOnce(replacing(inner), 'gathr', racersOfInit, world, signal)
    expect(put).toMatch(/16 succeeded/)
  })

  test('is not complained about when another host takes a probe away in the middle', async () => {
    const inner = memory()
    await proveWriteOnce(withoutDelete(inner), 'gathr', oneAfterAnother, world, signal)
    let gets = 0
    const storage: Storage = {
      ...inner,
      get(key, range, stop) {
        if (++gets === 2) void inner.delete([key], stop)
        return inner.get(key, range, stop)
      },
    }
    const { put } = await proveWriteOnce(storage, 'gathr', oneAfterAnother, world, signal)
    expect(put).toBeUndefined()
  })

  test('is told with what is lost, and how to choose the fallback', () => {
    const proof = { put: undefined, upload: 'two succeeded', tidy: true, unlisted: [] }
    const fault = ((): unknown => {
      try {
        assertWriteOnce(proof, memory(), 'main')
        return undefined
      } catch (error) {
        return error
      }
    })()
    expect(fault).toMatchObject({ code: 'STORAGE_UNSUPPORTED' })
    expect((fault as Fault).hint).toMatch(
      /replace what the other wrote.*write_once: check under repositories\.main/s,
    )
  })
})
