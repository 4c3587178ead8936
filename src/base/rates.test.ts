import { describe, expect, test } from 'vitest'
import { VirtualTime } from '../../test/support/virtual-time.ts'
import { limits } from './limits.ts'
import { openRates, type Rates } from './rates.ts'
import { KiB, MiB, second } from './units.ts'

const never = new AbortController().signal
const pieceBytes = limits.ratePieceSizeBytes

/** As several threads: each has a view of its own on the same memory. */
function threads(
  time: VirtualTime,
  count: number,
): { readonly all: readonly Rates[]; readonly rates: Rates } {
  const { clock } = time.world(1)
  const rates = openRates(clock)
  return { rates, all: Array.from({ length: count }, () => openRates(clock, rates.memory)) }
}

describe('a limited rate', () => {
  test('holds for all threads together, and each gets its share', async () => {
    const time = new VirtualTime()
    const { rates, all } = threads(time, 4)
    rates.set({ read: 10 * MiB })
    const startMs = time.nowMs
    const done = all.map(() => 0)
    const work = all.map(async (thread, i) => {
      while (time.nowMs < startMs + 10 * second) {
        await thread.take('read', MiB, never)
        done[i] = (done[i] ?? 0) + MiB
      }
    })
    await time.run(Promise.all(work))
    const sum = done.reduce((a, b) => a + b, 0)
    expect(rates.moved('read')).toBe(sum)
    const allowed = ((time.nowMs - startMs + limits.rateMadeUpMs) / second) * 10 * MiB
    expect(sum).toBeLessThanOrEqual(allowed + pieceBytes)
    expect(sum).toBeGreaterThan(0.95 * allowed)
    expect(Math.max(...done) - Math.min(...done)).toBeLessThanOrEqual(MiB)
  })

  test('is even: no second has more than its part', async () => {
    const time = new VirtualTime()
    const { rates } = threads(time, 0)
    rates.set({ network: 2 * MiB })
    const startMs = time.nowMs
    const seconds: number[] = []
    const send = async (): Promise<void> => {
      for (let i = 0; i < 400; i++) {
        await rates.take('network', 64 * KiB, never)
        const at = Math.floor((time.nowMs - startMs) / second)
        seconds[at] = (seconds[at] ?? 0) + 64 * KiB
      }
    }
    await time.run(send())
    for (const bytes of seconds)
      expect(bytes).toBeLessThanOrEqual(2 * MiB * (1 + limits.rateMadeUpMs / second) + 64 * KiB)
  })

  test('makes up for timers that are late, and not for a pause', async () => {
    const time = new VirtualTime()
    const { clock } = time.world(1)
    // Each sleep takes three milliseconds longer than it was asked to.
    const late = { ...clock, sleep: (ms: number, signal: AbortSignal) => clock.sleep(ms + 3, signal) }
    const rates = openRates(late)
    rates.set({ read: 100 * MiB })
    const startMs = time.nowMs
    await time.run(rates.take('read', 500 * MiB, never))
    expect(time.nowMs - startMs).toBeLessThan(5.02 * second)
    await time.run(clock.sleep(60 * second, never))
    const resumedMs = time.nowMs
    await time.run(rates.take('read', 100 * MiB, never))
    expect(time.nowMs - resumedMs).toBeGreaterThan(second - limits.rateMadeUpMs - 5)
  })

  test('is of one kind: the other goes on', async () => {
    const time = new VirtualTime()
    const { rates } = threads(time, 0)
    rates.set({ read: MiB })
    const startMs = time.nowMs
    await time.run(rates.take('network', 1000 * MiB, never))
    expect(time.nowMs).toBe(startMs)
  })

  test('can be lifted while somebody waits, who then waits no longer', async () => {
    const time = new VirtualTime()
    const { rates, all } = threads(time, 4)
    rates.set({ read: MiB })
    const startMs = time.nowMs
    const work = Promise.all(all.map(thread => thread.take('read', 100 * MiB, never)))
    const lift = time.world(1).clock.sleep(10 * second, never)
    await time.run(
      Promise.all([
        work,
        lift.then(() => {
          rates.set({})
        }),
      ]),
    )
    expect(time.nowMs - startMs).toBeGreaterThanOrEqual(10 * second)
    expect(time.nowMs - startMs).toBeLessThanOrEqual(10 * second + limits.rateLookMs)
  })

  test('can be made slower, and faster', async () => {
    const time = new VirtualTime()
    const { rates } = threads(time, 0)
    rates.set({ read: 10 * MiB })
    const startMs = time.nowMs
    const { clock } = time.world(1)
    const change = async (): Promise<void> => {
      await clock.sleep(5 * second, never)
      rates.set({ read: MiB })
      await clock.sleep(5 * second, never)
      rates.set({ read: 20 * MiB })
    }
    // 50 MiB in the first five seconds, 5 in the next, and the rest in two.
    await time.run(Promise.all([rates.take('read', 95 * MiB, never), change()]))
    expect(time.nowMs - startMs).toBeGreaterThan(11.5 * second)
    expect(time.nowMs - startMs).toBeLessThan(12.5 * second)
  })

  test('is not changed by being set to what it is', async () => {
    const time = new VirtualTime()
    const { rates } = threads(time, 0)
    rates.set({ read: MiB })
    const startMs = time.nowMs
    const { clock } = time.world(1)
    const set = async (): Promise<void> => {
      for (let i = 0; i < 20; i++) {
        await clock.sleep(100, never)
        rates.set({ read: MiB })
      }
    }
    await time.run(Promise.all([rates.take('read', 10 * MiB, never), set()]))
    expect(time.nowMs - startMs).toBeGreaterThan(9.8 * second)
  })

  test('keeps nobody who is told to stop', async () => {
    const time = new VirtualTime()
    const { rates } = threads(time, 0)
    rates.set({ read: MiB })
    const stop = new AbortController()
    const waiting = rates.take('read', 1000 * MiB, stop.signal)
    const { clock } = time.world(1)
    const stopping = clock.sleep(second, never).then(() => {
      stop.abort(new Error('enough'))
    })
    await expect(time.run(Promise.all([waiting, stopping]))).rejects.toThrow('enough')
  })
})

test('without a limit nobody waits', async () => {
  const time = new VirtualTime()
  const { rates } = threads(time, 0)
  const startMs = time.nowMs
  await time.run(rates.take('read', 1000 * MiB, never))
  expect(time.nowMs).toBe(startMs)
})
