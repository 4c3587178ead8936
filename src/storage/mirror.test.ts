import { describe, expect, test } from 'vitest'
import { Fault, isFault } from '../base/fault.ts'
import { systemWorld, type Clock } from '../base/world.ts'
import { openMemoryStorage } from './drivers/memory.ts'
import { mirrorFlags, openMirror, type Mirror } from './mirror.ts'
import { bodyOf, type Storage } from './storage.ts'
import { faultsAt, withFaults } from './with-faults.ts'

const signal = new AbortController().signal
const { clock } = systemWorld()
const never = new Promise<never>(() => undefined)
/** Each sleep is over at once, and its time has passed: patience is soon at its end. */
let aheadMs = 0
const hasty: Clock = {
  ...clock,
  monotonicMs: () => clock.monotonicMs() + aheadMs,
  async sleep(ms, stop) {
    await clock.sleep(5, signal)
    if (!stop.aborted) aheadMs += ms
  },
}

interface Laid {
  readonly mirror: Mirror
  readonly dropped: { member: number; fault: Fault }[]
}

async function over(
  members: readonly (Storage | Promise<Storage>)[],
  flags = mirrorFlags(members.length),
): Promise<Laid> {
  const dropped: { member: number; fault: Fault }[] = []
  const mirror = await openMirror(
    members.map((storage, i) => ({ name: `m${String(i)}`, open: async () => storage })),
    { clock: hasty, flags, onDropped: (member, fault) => dropped.push({ member, fault }) },
  )
  return { mirror, dropped }
}

async function write(mirror: Mirror, key: string, pieces = 3): Promise<void> {
  const writer = await mirror.create(key, signal)
  for (let i = 0; i < pieces; i++) await writer.write(Buffer.from(`piece ${String(i)};`))
  expect(await writer.commit()).toBe('written')
}

const read = async (storage: Storage, key: string): Promise<string> =>
  Buffer.concat(await Array.fromAsync(storage.get(key, undefined, signal))).toString()

const missing = (storage: Storage, key: string): Promise<boolean> =>
  storage.stat(key, signal).then(info => info === undefined)

const whole = 'piece 0;piece 1;piece 2;'

describe('a mirror', () => {
  test('writes the same to all members', async () => {
    const members = [openMemoryStorage(clock), openMemoryStorage(clock)] as const
    const { mirror, dropped } = await over(members)
    await write(mirror, 'a')
    await mirror.put('b', bodyOf(Buffer.from('x')), signal)
    for (const member of members) {
      expect(await read(member, 'a')).toBe(whole)
      expect(await read(member, 'b')).toBe('x')
    }
    expect(dropped).toEqual([])
  })

  test('drops a member at whatever step it fails, and has the object whole in the other', async () => {
    for (let step = 1; step <= 5; step++) {
      const [well, shaky] = [openMemoryStorage(clock), openMemoryStorage(clock)]
      const { mirror, dropped } = await over([withFaults(shaky, faultsAt({ [step]: 'fail' }), clock), well])
      await write(mirror, 'a')
      expect(await read(well, 'a'), `step ${String(step)}`).toBe(whole)
      expect(dropped).toMatchObject([{ member: 0, fault: { code: 'STORAGE_UNAVAILABLE' } }])
      expect([mirror.isWhole(0), mirror.isWhole(1)]).toEqual([false, true])
      await write(mirror, 'b')
      expect(await missing(shaky, 'b'), 'nothing more is written there').toBe(true)
      expect(await read(mirror, 'b'), 'and nothing is read from there').toBe(whole)
    }
  })

  test('does not wait for a member that hangs for longer than its patience', async () => {
    const well = openMemoryStorage(clock)
    const inner = openMemoryStorage(clock)
    const hung: Storage = {
      ...inner,
      create: async (key, stop) => ({ ...(await inner.create(key, stop)), write: () => never }),
    }
    const { mirror, dropped } = await over([hung, well])
    await write(mirror, 'a')
    expect(await read(well, 'a')).toBe(whole)
    expect(dropped[0]?.fault.message).toMatch(/"m0" kept the others waiting/)
  })

  test('does not wait for one that another thread has given up meanwhile', async () => {
    const well = openMemoryStorage(clock)
    const inner = openMemoryStorage(clock)
    const flags = mirrorFlags(2)
    const givenUp = (): Promise<never> => {
      Atomics.store(new Int32Array(flags), 0, 1)
      return never
    }
    const hung: Storage = {
      ...inner,
      create: async (key, stop) => ({ ...(await inner.create(key, stop)), write: givenUp }),
    }
    const { mirror, dropped } = await over([hung, well], flags)
    const startMs = hasty.monotonicMs()
    await write(mirror, 'a')
    expect(hasty.monotonicMs() - startMs).toBeLessThan(3_000)
    expect(dropped).toEqual([])
  })

  test('goes on without a member that can not be opened', async () => {
    const well = openMemoryStorage(clock)
    const { mirror, dropped } = await over([Promise.reject(new Error('no such place')), well])
    await write(mirror, 'a')
    expect(dropped.map(({ member }) => member)).toEqual([0])
  })

  test('fails when nobody is left', async () => {
    const broken = () => withFaults(openMemoryStorage(clock), () => 'fail', clock)
    const { mirror, dropped } = await over([broken(), broken()])
    await expect(write(mirror, 'a')).rejects.toSatisfy(error => isFault(error, 'STORAGE_UNAVAILABLE'))
    expect(dropped).toHaveLength(2)
    await expect(write(mirror, 'b')).rejects.toSatisfy(error => isFault(error))
  })

  test('a key that is taken in one member drops it: what lies there is somebody else’s', async () => {
    const [one, other] = [openMemoryStorage(clock), openMemoryStorage(clock)]
    await one.put('a', bodyOf(Buffer.from('theirs')), signal)
    const { mirror, dropped } = await over([one, other])
    await write(mirror, 'a')
    expect(await read(one, 'a')).toBe('theirs')
    expect(dropped).toMatchObject([{ member: 0, fault: { code: 'OBJECT_CONFLICT' } }])
  })

  test('what one thread drops, no other one writes to, and it is told once', async () => {
    const flags = mirrorFlags(2)
    const members = [openMemoryStorage(clock), openMemoryStorage(clock)] as const
    const [here, there] = [await over(members, flags), await over(members, flags)]
    here.mirror.drop(1, new Fault('LEASE_LOST', 'lost', { hint: 'Run it again.' }))
    await write(there.mirror, 'a')
    expect(await missing(members[1], 'a')).toBe(true)
    expect([here.dropped.length, there.dropped.length]).toEqual([1, 0])
  })
})
