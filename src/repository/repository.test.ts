import { describe, expect, test } from 'vitest'
import { isFault, type FaultCode } from '../base/fault.ts'
import { simWorld } from '../base/world.ts'
import { openMemoryStorage } from '../storage/drivers/memory.ts'
import { bodyOf } from '../storage/storage.ts'
import { initRepository, openRepository, type ClusterIdentity } from './repository.ts'

const signal = new AbortController().signal
const world = simWorld({ startMs: Date.UTC(2026, 2, 1) })
const identity: ClusterIdentity = {
  cluster: 'gathr',
  systemIdentifier: '7481234567890123456',
  postgresMajor: 15,
  walSegmentSizeBytes: 1 << 24,
}
const fault = (code: FaultCode) => (error: unknown) => isFault(error, code)

describe('a repository', () => {
  test('is made once, and making it again is harmless', async () => {
    const storage = openMemoryStorage(world.clock)
    await initRepository(storage, identity, world, signal)
    const { id } = await openRepository(storage, 'gathr', signal)
    await initRepository(storage, identity, simWorld({ seed: 9 }), signal)
    expect(await openRepository(storage, 'gathr', signal)).toMatchObject({ id, identity })
  })

  test('holds several clusters', async () => {
    const storage = openMemoryStorage(world.clock)
    await initRepository(storage, identity, world, signal)
    await initRepository(storage, { ...identity, cluster: 'other', systemIdentifier: '5' }, world, signal)
    expect((await openRepository(storage, 'other', signal)).identity.systemIdentifier).toBe('5')
  })

  test.each([{ systemIdentifier: '42' }, { postgresMajor: 16 }, { walSegmentSizeBytes: 1 << 26 }])(
    'refuses a cluster of the same name with %o',
    async change => {
      const storage = openMemoryStorage(world.clock)
      await initRepository(storage, identity, world, signal)
      await expect(initRepository(storage, { ...identity, ...change }, world, signal)).rejects.toSatisfy(
        fault('CLUSTER_MISMATCH'),
      )
    },
  )

  test('that is not there is missing, and so is a cluster it does not know', async () => {
    const storage = openMemoryStorage(world.clock)
    await expect(openRepository(storage, 'gathr', signal)).rejects.toSatisfy(fault('REPOSITORY_MISSING'))
    await initRepository(storage, identity, world, signal)
    await expect(openRepository(storage, 'none', signal)).rejects.toSatisfy(
      error => isFault(error, 'REPOSITORY_MISSING') && error.message.includes('"none"'),
    )
  })

  test('of a later format is not touched', async () => {
    const storage = openMemoryStorage(world.clock)
    await storage.put('holdfast.json', bodyOf(Buffer.from('{"format":2,"all":"new"}')), signal)
    await expect(openRepository(storage, 'gathr', signal)).rejects.toSatisfy(fault('REPOSITORY_FORMAT'))
    await expect(initRepository(storage, identity, world, signal)).rejects.toSatisfy(
      fault('REPOSITORY_FORMAT'),
    )
  })
})
