import { beforeEach, describe, expect, test } from 'vitest'
import { openMemorySide } from '../../../test/fakes/copy-lab.ts'
import { silentProgress } from '../../base/progress.ts'
import { hour, second } from '../../base/units.ts'
import { builtInPrices } from '../../policy/cost/prices.ts'
import type { ThawState, ThawWish, Thawing } from '../../storage/second-ports.ts'
import type { Source } from '../sources/source.ts'
import type { ColdNeed } from './restore-needs.ts'
import { planThaw, thaw } from './thaw.ts'

const { signal } = new AbortController()
const wish = { speed: 'bulk', prices: builtInPrices, restoreMs: hour } as const

/** Thaws within so many hours, one object after the other. */
let nowMs: number
let looks: number
let asked: Map<string, { readonly atMs: number; readonly wish: ThawWish }>
let source: Source

beforeEach(async () => {
  nowMs = 0
  looks = 0
  asked = new Map()
  const thawing: Thawing = {
    isCold: () => true,
    state: key => {
      looks++
      return Promise.resolve(stateOf(key))
    },
    request: (key, given) => {
      if (!asked.has(key)) asked.set(key, { atMs: nowMs, wish: given })
      return Promise.resolve()
    },
  }
  const { repository } = await openMemorySide('main', undefined)
  source = {
    name: 'main/archive',
    repository: { ...repository, storage: { ...repository.storage, thawing } },
    storage: { url: 's3://bucket/pg', access: { region: 'us-east-1' } },
    encoding: { level: 3, recipients: [] },
    identities: [],
  }
})

function stateOf(key: string): ThawState {
  const since = asked.get(key)
  const isThere = since !== undefined && nowMs >= since.atMs + (12 + Number(key.slice(1)) / 100) * hour
  return {
    is: since === undefined ? 'cold' : isThere ? 'readable' : 'thawing',
    sizeBytes: 10,
    storageClass: 'DEEP_ARCHIVE',
  }
}

const needs = (count: number): readonly ColdNeed[] =>
  Array.from({ length: count }, (_, i) => {
    const key = `k${String(i)}`
    return { key, sizeBytes: 10, storageClass: 'DEEP_ARCHIVE', state: stateOf(key), source }
  })

const world = {
  clock: {
    now: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: (ms: number, stop?: AbortSignal) => {
      stop?.throwIfAborted()
      nowMs += ms
      return Promise.resolve()
    },
  },
}
const deps = { world, progress: silentProgress }

describe('a thaw', () => {
  test('asks for each object once, waits for hours, and looks seldom', async () => {
    const plan = planThaw(needs(200), wish)
    expect(plan).toMatchObject({ bytes: 2000, underWay: 0, days: 3, estimate: { mostMs: 48 * hour } })
    if (plan) await thaw(deps, plan, signal)
    expect(asked.size).toBe(200)
    expect([...asked.values()].every(({ wish: { speed, days } }) => speed === 'bulk' && days === 3)).toBe(
      true,
    )
    expect(nowMs).toBeGreaterThanOrEqual(12 * hour)
    expect(nowMs).toBeLessThan(14.5 * hour)
    // They come one after the other, so that nearly every look finds some: the most that it can cost.
    expect(looks).toBeLessThan(10_000)
  })

  test('that was begun before is waited for, and paid for once', async () => {
    for (const { key } of needs(3)) asked.set(key, { atMs: -11 * hour, wish: { speed: 'bulk', days: 3 } })
    const plan = planThaw(needs(3), wish)
    expect(plan).toMatchObject({ underWay: 3, estimate: { cost: 0 } })
    if (plan) await thaw(deps, plan, signal)
    expect([...asked.values()].every(({ atMs }) => atMs === -11 * hour)).toBe(true)
  })

  test('is not needed when everything was thawed', () => {
    for (const { key } of needs(3)) asked.set(key, { atMs: -20 * hour, wish: { speed: 'bulk', days: 3 } })
    expect(planThaw(needs(3), wish)).toBeUndefined()
    expect(planThaw([], wish)).toBeUndefined()
  })

  test('ends when it is told to, and has asked for everything by then', async () => {
    const stop = new AbortController()
    const stopping = {
      ...deps,
      world: {
        clock: {
          ...world.clock,
          sleep: (ms: number, given?: AbortSignal) => {
            if (nowMs > 60 * second) stop.abort(new Error('told to stop'))
            return world.clock.sleep(ms, given)
          },
        },
      },
    }
    const plan = planThaw(needs(40), wish)
    await expect(plan && thaw(stopping, plan, stop.signal)).rejects.toThrow('told to stop')
    expect(asked.size).toBe(40)
  })

  test('at a speed that the class does not have asks for nothing', async () => {
    const plan = planThaw(needs(3), { ...wish, speed: 'expedited' })
    await expect(plan && thaw(deps, plan, signal)).rejects.toThrow(
      'can not be thawed at the speed "expedited"',
    )
    expect(asked.size).toBe(0)
  })
})
