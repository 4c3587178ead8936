/** What is said of how long the return takes, by what drills took. */
import { expect, test } from 'vitest'
import { GiB, hour, minute } from '../../base/units.ts'
import { forecastFrom, ofRto } from './judge-rto.ts'

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
