import fc from 'fast-check'
import { expect, test } from 'vitest'
import { day } from '../../base/units.ts'
import { formatLsn } from '../../wal/lsn.ts'
import type { Forecast } from '../expire/forecast.ts'
import { whereaboutsOf, type ForeseenFacts } from './whereabouts.ts'

const nowMs = Date.UTC(2026, 2, 1)
const segmentSizeBytes = 1 << 24
const requestedAt = new Date(nowMs - 10 * day).toISOString()

/** A history in which position and time go together: a backup of `position` was made so many days ago. */
const made = fc.record({
  position: fc.integer({ min: 1, max: 20 }),
  goneDays: fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined }),
})
const lsnOf = (position: number): bigint => BigInt(position * segmentSizeBytes)
const atOf = (position: number): number => nowMs - (20 - position) * day

function placeOf(things: readonly { position: number; goneDays: number | undefined }[]): ForeseenFacts {
  const backups = things.map(({ position }, i) => ({
    facts: {
      ...{ id: `backup ${String(i)}`, kind: 'full' as const, parent: undefined, timeline: 1 },
      ...{
        startLsn: lsnOf(position),
        stopLsn: lsnOf(position),
        startedAt: 0,
        endedAt: atOf(position) * 1000,
      },
      ...{ isDamaged: false, rawBytes: 0, storedBytes: 0 },
    } as const,
    endedAt: new Date(atOf(position)).toISOString(),
    storedBytes: 0,
    flaw: undefined,
  }))
  const items = things.map(({ goneDays }, i) => ({
    item: {
      id: `backup ${String(i)}`,
      kind: 'full' as const,
      endedAt: backups[i]?.endedAt,
      ...{ parent: undefined, storedBytes: 0, flaw: undefined, reasons: [] },
    },
    goneMs: goneDays === undefined ? undefined : nowMs + goneDays * day,
    because: 'a rule',
  }))
  return { facts: { backups, dumps: [] }, forecast: { items, wal: [] }, nowMs }
}

test('a person is in whatever began before the request, until the last of it is gone', () => {
  fc.assert(
    fc.property(fc.array(made), fc.integer({ min: 1, max: 20 }), (things, position) => {
      const request = { lsn: formatLsn(lsnOf(position)), timeline: 1, settled: true, requestedAt }
      const found = whereaboutsOf(request, placeOf(things), segmentSizeBytes)
      const older = things.flatMap((thing, i) => (thing.position < position ? [{ ...thing, i }] : []))
      expect(found.items.map(({ id }) => id)).toEqual(older.map(({ i }) => `backup ${String(i)}`))
      const days = older.map(({ goneDays }) => goneDays ?? Infinity)
      const last = Math.max(0, ...days)
      expect(found.goneMs).toBe(last === Infinity ? undefined : nowMs + last * day)
    }),
  )
})

test('where positions do not tell, times do, with an hour for clocks that differ', () => {
  const things = [9, 10, 11].map(position => ({ position, goneDays: position }))
  for (const unknown of [
    { lsn: null, timeline: null },
    { lsn: '0/1', timeline: 2 },
  ]) {
    const request = { ...unknown, settled: false, requestedAt }
    const { items } = whereaboutsOf(request, placeOf(things), segmentSizeBytes)
    expect(items.map(({ id }) => id)).toEqual(['backup 0', 'backup 1'])
  }
})

test('WAL from before the request is told, and keeps the person as long as it is needed', () => {
  const stretch = (first: bigint, segments: number): Forecast['wal'][number]['stretch'] => ({
    ...{ timeline: 1, first, last: first + BigInt(segments) - 1n, segments, files: segments, bytes: 0 },
    newestMs: nowMs,
  })
  const wal = [
    { stretch: stretch(1n, 3), goneMs: nowMs + 5 * day },
    { stretch: stretch(4n, 2), goneMs: nowMs + 9 * day },
    { stretch: stretch(6n, 10), goneMs: undefined },
  ]
  const request = { lsn: formatLsn(lsnOf(5) + 1n), timeline: 1, settled: true, requestedAt }
  const place = placeOf([])
  const found = whereaboutsOf(request, { ...place, forecast: { ...place.forecast, wal } }, segmentSizeBytes)
  expect(found.wal).toEqual({ segments: 5, goneMs: nowMs + 9 * day })
  expect(found.goneMs).toBe(nowMs + 9 * day)
})
