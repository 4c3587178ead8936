import { describe, expect, test } from 'vitest'
import { VirtualTime } from '../../test/support/virtual-time.ts'
import { limits } from '../base/limits.ts'
import { minute, second } from '../base/units.ts'
import { shareOf, type SlowDownRule, type Strain } from '../policy/slow-down.ts'
import { keepSlowing } from './slow-down.ts'

const never = new AbortController().signal

interface Scene {
  strain: Strain | undefined
  isMoving: boolean
  rule: SlowDownRule | undefined
}

/** Lets the agent watch for so long while the story goes on; what it did, and said. */
async function watch(scene: Scene, forMs: number, story: (atMs: number) => void = () => {}) {
  const time = new VirtualTime()
  const { clock } = time.world(1)
  const startMs = time.nowMs
  const shares: number[] = []
  const said: string[] = []
  let looks = 0
  let isOpen = false
  const end = new AbortController()
  const watching = keepSlowing(
    {
      clock,
      log: { info: event => said.push(event), warn: event => said.push(event) },
      probe: {
        look() {
          looks++
          isOpen = true
          story(time.nowMs - startMs)
          return scene.strain ? Promise.resolve(scene.strain) : Promise.reject(new Error('it is away'))
        },
        async close() {
          isOpen = false
        },
      },
      desk: {
        async slow(slowness) {
          shares.push(shareOf(slowness))
        },
      },
      rule: () => scene.rule,
      isMoving: () => scene.isMoving,
    },
    end.signal,
  )
  await time.run(
    Promise.all([
      watching,
      clock.sleep(forMs, never).then(() => {
        end.abort()
      }),
    ]),
  )
  return { shares, said, looks, isOpen }
}

const rule = { replicationLag: 30 * second, latency: 200 }
const calm: Strain = { replicationLagMs: 0, latencyMs: 3 }
const lagging: Strain = { replicationLagMs: 45 * second, latencyMs: 3 }

describe('the agent', () => {
  test('has jobs step back while the server suffers, and come back, and tells each change once', async () => {
    const scene: Scene = { strain: lagging, isMoving: true, rule }
    const { shares, said, isOpen } = await watch(scene, 10 * minute, atMs => {
      if (atMs > 30 * second) scene.strain = calm
    })
    expect(shares).toEqual([1 / 2, 1 / 4, 1 / 2, 1])
    expect(said).toEqual(['rates.slowed', 'rates.slowed', 'rates.recovering', 'rates.recovering'])
    expect(isOpen).toBe(false)
  })

  test('lets them go as before when the job has ended', async () => {
    const scene: Scene = { strain: lagging, isMoving: true, rule }
    const { shares, looks } = await watch(scene, 10 * minute, atMs => {
      if (atMs > 30 * second) scene.isMoving = false
    })
    expect(shares.at(-1)).toBe(1)
    expect(looks).toBeLessThan(10)
  })

  test('does not look when nobody asked for it, or nothing is moved', async () => {
    expect((await watch({ strain: lagging, isMoving: true, rule: undefined }, minute)).looks).toBe(0)
    expect((await watch({ strain: lagging, isMoving: false, rule }, minute)).looks).toBe(0)
  })

  test('changes nothing for a server that can not be asked, nor for one slow answer', async () => {
    expect((await watch({ strain: undefined, isMoving: true, rule }, minute)).shares).toEqual([])
    const scene: Scene = { strain: calm, isMoving: true, rule }
    const { shares } = await watch(scene, 2 * minute, atMs => {
      scene.strain = { ...calm, latencyMs: Math.floor(atMs / limits.slowLookMs) % 4 === 3 ? 900 : 3 }
    })
    expect(shares).toEqual([])
  })
})
