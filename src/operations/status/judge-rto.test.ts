/** What is said of how long the return takes, by what drills took. */
import { describe, expect, test } from 'vitest'
import { GiB, day, hour, minute } from '../../base/units.ts'
import { builtInPrices } from '../../policy/cost/prices.ts'
import { forecastFrom, ofRto, thawOf } from './judge-rto.ts'

const drill = (day: number, restoreMs: number) => ({
  id: `2026030${String(day)}T040000Z-drill`,
  startedAt: `2026-03-0${String(day)}T04:00:00Z`,
  source: { repository: 'main', backup: 'x', kind: 'full' },
  phases: [
    { name: 'provisioning', durationMs: minute, cpuMs: null },
    { name: 'restore', durationMs: restoreMs, cpuMs: null },
    { name: 'replay', durationMs: minute, cpuMs: null },
    { name: 'checks', durationMs: minute, cpuMs: null },
  ],
  sizes: { rawBytes: 100 * GiB, storedBytes: 25 * GiB, walBytes: GiB },
  workers: 2,
})
const place = (drills: readonly unknown[]) =>
  ({
    backups: [
      {
        kind: 'full',
        endedAt: '2026-03-07T02:00:00Z',
        sizes: { rawBytes: 200 * GiB, storedBytes: 50 * GiB },
      },
    ],
    drills,
  }) as unknown as Parameters<typeof forecastFrom>[0][number]

test('nothing is said before a drill, nor without a target', () => {
  expect(ofRto(forecastFrom([place([])]), hour)).toEqual([])
  expect(ofRto(forecastFrom([place([drill(1, hour)])]), undefined)).toEqual([])
})

test.each([
  ['the promise holds', [30 * minute], 2 * hour, []],
  ['the database has outgrown it', [hour], 2 * hour, ['critical']],
  ['only the slowest drill breaks it', [20 * minute, 70 * minute], 2 * hour, ['warning']],
])('%s', (_, restores, targetMs, states) => {
  // A drill that is seen in two repositories counts once.
  const drills = restores.map((ms, i) => drill(i + 1, ms))
  const forecast = forecastFrom([place(drills), place(drills)])
  expect(forecast?.basis).toHaveLength(restores.length)
  const found = ofRto(forecast, targetMs)
  expect(found.map(({ state }) => state)).toEqual(states)
  for (const { message, fix } of found) {
    expect(message).toMatch(/more than the RTO of 2h/)
    expect(fix).toMatch(/^Most of it is restore/)
  }
})

describe('a newest backup that lies in the cold', () => {
  const holding = (name: string, storageClass: string | undefined, drills: readonly unknown[] = []) =>
    ({
      ...place(drills),
      backups: [{ ...place([]).backups[0], id: 'newest' }],
      place: { name, url: 's3://bucket/pg' },
      cold: storageClass && { id: 'newest', amounts: [{ storageClass, objects: 3, bytes: 50 * GiB }] },
    }) as unknown as Parameters<typeof thawOf>[0][number] & Parameters<typeof forecastFrom>[0][number]

  test('takes its thaw longer, which counts against the promise', () => {
    const cold = holding('main', 'DEEP_ARCHIVE', [drill(1, 30 * minute)])
    const thaw = thawOf([cold], builtInPrices)
    expect(thaw).toMatchObject({ leastMs: 9 * hour, mostMs: 12 * hour, bytes: 50 * GiB })
    const forecast = forecastFrom([cold], thaw)
    expect(forecast?.phases[0]).toMatchObject({ name: 'thaw', expectedMs: 9 * hour, slowestMs: 12 * hour })
    const before = forecastFrom([cold])
    expect((forecast?.expectedMs ?? 0) - (before?.expectedMs ?? 0)).toBe(9 * hour)
    const [found] = ofRto(forecast, 4 * hour, thaw)
    expect(found).toMatchObject({
      state: 'critical',
      fix: expect.stringContaining('Most of it is the thaw (9h 00m)'),
    })
    expect(ofRto(forecast, day, thaw)).toEqual([])
  })

  test('is no matter where another repository has it where it is read at once', () => {
    expect(
      thawOf([holding('main', 'DEEP_ARCHIVE'), holding('second', undefined)], builtInPrices),
    ).toBeUndefined()
    expect(thawOf([holding('main', 'SOMETHING_NEW')], builtInPrices)).toBeUndefined()
  })

  test('breaks the promise before any drill', () => {
    const thaw = thawOf([holding('main', 'GLACIER')], builtInPrices)
    expect(ofRto(undefined, 2 * hour, thaw)).toMatchObject([{ state: 'critical' }])
    expect(ofRto(undefined, 4 * hour, thaw)).toMatchObject([{ state: 'warning' }])
    expect(ofRto(undefined, 8 * hour, thaw)).toEqual([])
  })
})
