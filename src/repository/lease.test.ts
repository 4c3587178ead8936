import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { countRequests } from '../../test/fakes/counting-storage.ts'
import { VirtualTime } from '../../test/support/virtual-time.ts'
import { Fault, isFault } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { minute, second } from '../base/units.ts'
import type { World } from '../base/world.ts'
import { openMemoryStorage } from '../storage/drivers/memory.ts'
import { bodyOf, type Storage } from '../storage/storage.ts'
import type { LeaseOwner } from './format/lease-record.ts'
import { acquireLease, leaseOwner, readLease } from './lease.ts'
import type { Repository } from './repository.ts'

const signal = new AbortController().signal
const identity = { cluster: 'lab', systemIdentifier: '1', postgresMajor: 15, walSegmentSizeBytes: 1 << 24 }
const isLocked = (error: unknown) => isFault(error, 'REPOSITORY_LOCKED')

function owner(host: string): LeaseOwner {
  return { host, pid: 1, startTicks: '1', bootId: `boot of ${host}`, pidNamespace: '1', purpose: 'a test' }
}

function setUp(): { time: VirtualTime; world: World; storage: Storage; repository: Repository } {
  const time = new VirtualTime()
  const world = time.world(1)
  const storage = openMemoryStorage(world.clock)
  return { time, world, storage, repository: { storage, identity, id: 'x' } }
}

const keys = async (storage: Storage) =>
  (await Array.fromAsync(storage.list('lab/leases/', signal))).map(({ key }) => key)

describe('a lease', () => {
  test('is held by one at a time, and who comes second is told who has it', async () => {
    const { time, world, repository } = setUp()
    await time.run(
      (async () => {
        await using lease = await acquireLease(repository, 'backup', owner('db1'), world, signal)
        await expect(acquireLease(repository, 'backup', owner('db2'), world, signal)).rejects.toSatisfy(
          error => isLocked(error) && String(error).includes('process 1 on db1 (a test)'),
        )
        expect(lease.lost.aborted).toBe(false)
        expect((await readLease(repository, 'backup', world, signal)).verdict).toBe('held')
      })(),
    )
  })

  test('of another name is another lease', async () => {
    const { time, world, repository } = setUp()
    await time.run(
      (async () => {
        await using one = await acquireLease(repository, 'backup', owner('db1'), world, signal)
        await using two = await acquireLease(repository, 'expire', owner('db1'), world, signal)
        expect([one.name, two.name]).toEqual(['backup', 'expire'])
      })(),
    )
  })

  test('can be had at once after it was given back, and counts on', async () => {
    const { time, world, storage, repository } = setUp()
    await time.run(
      (async () => {
        for (let round = 0; round < 3; round++) {
          await giveBack(await acquireLease(repository, 'backup', owner('db1'), world, signal))
        }
      })(),
    )
    expect(await keys(storage)).toEqual(['lab/leases/backup/00000006.json'])
    expect((await readLease(repository, 'backup', world, signal)).verdict).toBe('free')
  })

  test('is renewed for as long as it is held, and old objects are removed', async () => {
    const { time, world, storage, repository } = setUp()
    await time.run(
      (async () => {
        await using lease = await acquireLease(repository, 'backup', owner('db1'), world, signal)
        await world.clock.sleep(60 * minute, signal)
        expect(lease.lost.aborted).toBe(false)
        expect(await keys(storage)).toEqual(['lab/leases/backup/00000240.json'])
      })(),
    )
  })

  test('is lost when the storage fails for too long, before anybody else can take it', async () => {
    const { time, world, storage, repository } = setUp()
    let broken = false
    const shaky: Storage = {
      ...storage,
      put: (key, body, stop) => (broken ? new Promise<never>(() => undefined) : storage.put(key, body, stop)),
    }
    await time.run(
      (async () => {
        await using lease = await acquireLease(
          { ...repository, storage: shaky },
          'backup',
          owner('db1'),
          world,
          signal,
        )
        broken = true
        const sinceMs = world.clock.monotonicMs()
        await once(lease.lost, 'abort')
        expect(world.clock.monotonicMs() - sinceMs).toBeLessThan(limits.leaseTtlMs)
        expect(lease.lost.reason).toSatisfy(error => isFault(error, 'LEASE_LOST'))
        await expect(acquireLease(repository, 'backup', owner('db2'), world, signal)).rejects.toSatisfy(
          isLocked,
        )
      })(),
    )
  })

  test('of a holder that vanished on another host is taken within two minutes, and a late holder is told', async () => {
    const { time, world, repository } = setUp()
    let asleep = true
    const sleeper = time.world(2, { frozen: () => asleep })
    await time.run(
      (async () => {
        const lease = await acquireLease(repository, 'backup', owner('db1'), sleeper, signal)
        const sinceMs = time.nowMs
        await using taken = await acquireWhenFree(repository, owner('db2'), world)
        expect(time.nowMs - sinceMs).toBeGreaterThan(limits.leaseTtlMs)
        expect(time.nowMs - sinceMs).toBeLessThan(2.5 * minute)
        expect(taken.lost.aborted).toBe(false)
        asleep = false
        expect(lease.lost.aborted).toBe(false)
      })(),
    )
  })

  test('that ended long ago is taken at once', async () => {
    const { time, world, repository } = setUp()
    const sleeper = time.world(2, { frozen: () => true })
    await time.run(
      (async () => {
        await acquireLease(repository, 'backup', owner('db1'), sleeper, signal)
        await world.clock.sleep(60 * minute, signal)
        const beforeMs = time.nowMs
        await giveBack(await acquireLease(repository, 'backup', owner('db2'), world, signal))
        expect(time.nowMs - beforeMs).toBeLessThan(second)
      })(),
    )
  })

  test('of a process of this machine that was killed is taken at once', async () => {
    const { time, world, repository } = setUp()
    const child = spawn('true')
    const pid = child.pid ?? 0
    await once(child, 'exit')
    const dead = { ...(await leaseOwner('a backup')), pid }
    const sleeper = time.world(2, { frozen: () => true })
    await acquireLease(repository, 'backup', dead, sleeper, signal)
    expect(await readLease(repository, 'backup', world, signal)).toMatchObject({
      verdict: 'free',
      reason: expect.stringContaining('dead') as string,
    })
    const lease = await acquireLease(repository, 'backup', await leaseOwner(), world, signal)
    await time.run(Promise.resolve(lease[Symbol.asyncDispose]()))
  })

  test('of a live process of this machine is not taken', async () => {
    const { time, world, repository } = setUp()
    const lease = await acquireLease(repository, 'backup', await leaseOwner(), world, signal)
    await expect(acquireLease(repository, 'backup', await leaseOwner(), world, signal)).rejects.toSatisfy(
      isLocked,
    )
    await time.run(Promise.resolve(lease[Symbol.asyncDispose]()))
  })

  test('whose time lies far in the future, by a wrong clock, is taken when it is not renewed', async () => {
    const { time, world, repository } = setUp()
    const ahead = time.world(2, { skewMs: 48 * 60 * minute, frozen: () => true })
    await time.run(
      (async () => {
        await acquireLease(repository, 'backup', owner('db1'), ahead, signal)
        const sinceMs = time.nowMs
        await giveBack(await acquireLease(repository, 'backup', owner('db2'), world, signal))
        expect(time.nowMs - sinceMs).toBeGreaterThan(limits.leaseTtlMs)
        expect(time.nowMs - sinceMs).toBeLessThan(2 * minute)
      })(),
    )
  })

  test('is given back also when nothing may be deleted', async () => {
    const { time, world, storage, repository } = setUp()
    const locked: Storage = { ...storage, delete: () => Promise.reject(new Error('not a fault')) }
    const denied: Storage = {
      ...storage,
      delete: async keys => {
        await locked.delete(keys, signal).catch(() => undefined)
      },
    }
    await time.run(
      (async () => {
        for (let round = 0; round < 3; round++) {
          await giveBack(
            await acquireLease({ ...repository, storage: denied }, 'backup', owner('db1'), world, signal),
          )
        }
      })(),
    )
    expect((await readLease(repository, 'backup', world, signal)).verdict).toBe('free')
    expect(await keys(storage)).toHaveLength(6)
  })
})

async function acquireWhenFree(repository: Repository, who: LeaseOwner, world: World) {
  for (;;) {
    try {
      return await acquireLease(repository, 'backup', who, world, signal)
    } catch (error) {
      if (!isLocked(error)) throw error
      await world.clock.sleep(5 * second, signal)
    }
  }
}

async function giveBack(lease: AsyncDisposable): Promise<void> {
  await lease[Symbol.asyncDispose]()
}

describe('a lease where nothing may be deleted', () => {
  test('costs a few requests for each renewal, and to whoever comes after twenty thousand of them', async () => {
    const { time, world, storage, repository } = setUp()
    const denied = new Fault('STORAGE_DENIED', 'no', { hint: 'No.' })
    const counted = countRequests({ ...storage, delete: () => Promise.reject(denied) })
    const locked = { ...repository, storage: counted.storage }
    await time.run(
      (async () => {
        await giveBack(await acquireLease(locked, 'backup', owner('db1'), world, signal))
        const last = await Array.fromAsync(storage.get('lab/leases/backup/00000002.json', undefined, signal))
        for (let number = 3; number <= 20_000; number++)
          await storage.put(
            `lab/leases/backup/${String(number).padStart(8, '0')}.json`,
            bodyOf(Buffer.concat(last)),
            signal,
          )
        const before = counted.total()
        await using lease = await acquireLease(locked, 'backup', owner('db1'), world, signal)
        expect(lease.lost.aborted).toBe(false)
        const acquired = counted.total()
        expect(acquired - before).toBeLessThan(25)
        await world.clock.sleep(10 * minute, signal)
        expect(counted.total() - acquired).toBeLessThanOrEqual(40 * 3 + 2)
      })(),
    )
  })
})
