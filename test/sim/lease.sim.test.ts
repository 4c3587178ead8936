/**
 * Many hosts want one lease, for hours, over a storage that is slow, fails, and loses answers, with clocks that
 * differ, and with hosts that die. At no moment may two of them believe that they hold it.
 */
import { beforeAll, expect, test } from 'vitest'
import { isFault } from '../../src/base/fault.ts'
import { ownProcess } from '../../src/base/process-identity.ts'
import { minute, second } from '../../src/base/units.ts'
import type { World } from '../../src/base/world.ts'
import { acquireLease, type Lease } from '../../src/repository/lease.ts'
import type { LeaseOwner } from '../../src/repository/format/lease-record.ts'
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts'
import type { Storage } from '../../src/storage/storage.ts'
import { seededFaults, withFaults } from '../../src/storage/with-faults.ts'
import { VirtualTime } from '../support/virtual-time.ts'

const signal = new AbortController().signal
const identity = { cluster: 'lab', systemIdentifier: '1', postgresMajor: 15, walSegmentSizeBytes: 1 << 24 }
const hours = 2 * 60 * minute

/** Reads, once, what a process is told apart by: time that is virtual does not wait for disks. */
beforeAll(() => ownProcess())

test.each(Array.from({ length: 20 }, (_, i) => i + 1))(
  'seed %d: never two at once, and always somebody before long',
  async seed => {
    const time = new VirtualTime()
    const endsAtMs = time.nowMs + hours
    const shared = openMemoryStorage(time.world(seed).clock)
    const scene = new Scene()
    const hosts = ['a', 'b', 'c', 'd'].map((name, i) => ({
      name,
      seed: seed * 100 + i,
      skewMs: (((seed * (i + 3)) % 5) - 2) * minute,
    }))
    await time.run(Promise.all(hosts.map(host => liveAndDie(host, shared, scene, time, endsAtMs))))
    expect(scene.acquired).toBeGreaterThan(8)
  },
)

/** Who believes to hold the lease. */
class Scene {
  acquired = 0
  #holder: { name: string; lease: Lease } | undefined

  enter(name: string, lease: Lease): void {
    const other = this.#holder
    if (other && !other.lease.lost.aborted) throw new Error(`${name} and ${other.name} hold it at once`)
    this.#holder = { name, lease }
    this.acquired++
  }

  leave(lease: Lease): void {
    if (this.#holder?.lease === lease) this.#holder = undefined
  }
}

interface Host {
  readonly name: string
  readonly seed: number
  readonly skewMs: number
}

/** A host that takes the lease again and again. When it dies it is replaced by one that knows nothing. */
async function liveAndDie(
  host: Host,
  shared: Storage,
  scene: Scene,
  time: VirtualTime,
  endsAtMs: number,
): Promise<void> {
  for (let life = 1; time.nowMs < endsAtMs; life++) {
    let dead = false
    const world = time.world(host.seed * 1000 + life, { skewMs: host.skewMs, frozen: () => dead })
    const storage = withFaults(
      unhurried(shared, world),
      seededFaults(host.seed + life, 0.08, ['fail', 'lose-answer', 'slow']),
      world.clock,
    )
    const owner: LeaseOwner = {
      host: host.name,
      pid: life,
      startTicks: '1',
      bootId: host.name,
      pidNamespace: '1',
    }
    const outlives = time.world(host.seed)
    const lifeMs = (1 + (world.randomBytes(1)[0] ?? 0) / 10) * minute
    const living = live({ owner, world, storage, scene, endsAtMs: Math.min(endsAtMs, time.nowMs + lifeMs) })
    await Promise.race([living, outlives.clock.sleep(lifeMs + 10 * minute, signal)])
    dead = true
    await outlives.clock.sleep(10 * second, signal)
  }
}

interface Life {
  readonly owner: LeaseOwner
  readonly world: World
  readonly storage: Storage
  readonly scene: Scene
  readonly endsAtMs: number
}

async function live({ owner, world, storage, scene, endsAtMs }: Life): Promise<void> {
  const random = (): number => (world.randomBytes(1)[0] ?? 0) / 255
  while (world.clock.now() < endsAtMs) {
    try {
      const lease = await acquireLease({ storage, identity, id: 'x' }, 'backup', owner, world, signal)
      scene.enter(owner.host, lease)
      await world.clock.sleep(random() * 3 * minute, lease.lost).catch(() => undefined)
      scene.leave(lease)
      // Now and then it dies without giving the lease back.
      if (random() < 0.2) return
      await lease[Symbol.asyncDispose]()
    } catch (error) {
      if (!isFault(error, 'REPOSITORY_LOCKED', 'STORAGE_UNAVAILABLE', 'LEASE_LOST')) throw error
    }
    await world.clock.sleep(random() * 20 * second, signal)
  }
}

/**
 * Every call takes some time before and after it is done, so that others act in between; and now and then the host
 * is cut off for minutes, so that a call is done long after it was made.
 */
function unhurried(inner: Storage, { clock, randomBytes }: World): Storage {
  let cutOffUntilMs = 0
  const pause = async (): Promise<void> => {
    const [often = 0, seldom = 0, long = 0] = randomBytes(3)
    if (seldom < 3) cutOffUntilMs = Math.max(cutOffUntilMs, clock.monotonicMs() + long * second)
    await clock.sleep(Math.max(often * 8, cutOffUntilMs - clock.monotonicMs()), signal)
  }
  return {
    ...inner,
    async put(key, body, stop) {
      await pause()
      const outcome = await inner.put(key, body, stop)
      await pause()
      return outcome
    },
    async *get(key, range, stop) {
      await pause()
      yield* await Array.fromAsync(inner.get(key, range, stop))
    },
    async *list(prefix, stop) {
      await pause()
      yield* await Array.fromAsync(inner.list(prefix, stop))
      await pause()
    },
    async delete(keys, stop) {
      await pause()
      await inner.delete(keys, stop)
    },
  }
}
