import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatMicros, isoMicros, microsFromPostgres, parseTime } from './time.ts'

test('a time is read to the microsecond, whatever its offset', () => {
  const expected = Date.UTC(2026, 2, 1, 2) * 1000 + 123456
  for (const text of [
    '2026-03-01 02:00:00.123456+00:00',
    '2026-03-01T02:00:00.123456Z',
    '2026-03-01 04:00:00.123456+02',
    '2026-03-01 04:30:00.123456+0230',
    '2026-02-28 21:00:00.123456 -05:00',
  ]) {
    expect(parseTime(text), text).toBe(expected)
  }
  expect(parseTime('2026-03-01 02:00Z')).toBe(expected - 123456)
  expect(parseTime('2026-03-01 02:00:00.5 UTC')).toBe(expected - 123456 + 500_000)
})

test('a time without an offset, or that is on no calendar, is not read', () => {
  for (const text of [
    '2026-03-01 02:00:00',
    '2026-03-01',
    '2026-02-30 00:00Z',
    '2026-13-01 00:00Z',
    '2026-03-01 25:00Z',
    'yesterday',
    '',
  ]) {
    expect(parseTime(text), text).toBeUndefined()
  }
})

test('times are written in UTC with the offset, and with fractions only when there are any', () => {
  const time = Date.UTC(2026, 2, 1, 2) * 1000
  expect(formatMicros(time)).toBe('2026-03-01 02:00:00+00:00')
  expect(formatMicros(time + 120_000)).toBe('2026-03-01 02:00:00.12+00:00')
  expect(formatMicros(time + 1)).toBe('2026-03-01 02:00:00.000001+00:00')
  expect(isoMicros(time + 1)).toBe('2026-03-01T02:00:00.000001Z')
})

test('what is written is read back the same', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 8_000_000_000_000_000 }), micros => {
      expect(parseTime(formatMicros(micros))).toBe(micros)
      expect(parseTime(isoMicros(micros))).toBe(micros)
    }),
  )
})

test("PostgreSQL's epoch is the year 2000", () => {
  expect(formatMicros(microsFromPostgres(0))).toBe('2000-01-01 00:00:00+00:00')
})
