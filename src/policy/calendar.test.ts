import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { day, hour } from '../base/units.ts'
import { calendarOf, type Period } from './calendar.ts'

const at = (text: string): number => Date.parse(text)
const iso = (ms: number): string => new Date(ms).toISOString().slice(0, 16)
const periods: readonly Period[] = ['hourly', 'daily', 'weekly', 'monthly', 'yearly']

describe('a calendar', () => {
  test.each<[zone: string, period: Period, moment: string, start: string]>([
    ['UTC', 'daily', '2026-03-01T13:00Z', '2026-03-01T00:00'],
    ['UTC', 'weekly', '2026-03-01T13:00Z', '2026-02-23T00:00'],
    ['UTC', 'weekly', '2026-03-02T00:00Z', '2026-03-02T00:00'],
    ['UTC', 'yearly', '2026-01-01T00:00Z', '2026-01-01T00:00'],
    ['Europe/Berlin', 'daily', '2026-03-01T23:30Z', '2026-03-01T23:00'],
    ['Europe/Berlin', 'daily', '2026-03-29T12:00Z', '2026-03-28T23:00'],
    ['Europe/Berlin', 'daily', '2026-03-30T12:00Z', '2026-03-29T22:00'],
    ['Europe/Berlin', 'monthly', '2026-10-25T12:00Z', '2026-09-30T22:00'],
    ['Europe/Berlin', 'monthly', '2026-11-25T12:00Z', '2026-10-31T23:00'],
    ['America/New_York', 'yearly', '2026-01-01T04:59Z', '2025-01-01T05:00'],
    ['Asia/Kathmandu', 'hourly', '2026-03-01T10:20Z', '2026-03-01T10:15'],
    ['Asia/Kathmandu', 'hourly', '2026-03-01T10:10Z', '2026-03-01T09:15'],
    // Clocks went from 24:00 of the 3rd to 01:00 of the 4th: the day began at one o'clock.
    ['America/Sao_Paulo', 'daily', '2018-11-04T15:00Z', '2018-11-04T03:00'],
    // The 30th of December was left out altogether.
    ['Pacific/Apia', 'daily', '2011-12-31T15:00Z', '2011-12-31T10:00'],
  ])('in %s knows when the %s period of %s began', (zone, period, moment, start) => {
    expect(iso(calendarOf(zone).startOf(period, at(moment)))).toBe(start)
  })

  test('tells the two hours of a night in which clocks are put back apart', () => {
    const berlin = calendarOf('Europe/Berlin')
    const [first, second] = ['2026-10-25T00:30Z', '2026-10-25T01:30Z'].map(text =>
      berlin.startOf('hourly', at(text)),
    )
    expect((second ?? 0) - (first ?? 0)).toBe(hour)
  })

  test('counts days, not hours: seven of them over a change of the clocks are 167', () => {
    const berlin = calendarOf('Europe/Berlin')
    const start = berlin.startOf('daily', at('2026-03-26T12:00Z'))
    expect((berlin.later('daily', start, 7) - start) / hour).toBe(167)
  })

  test('names periods as people there would', () => {
    const berlin = calendarOf('Europe/Berlin')
    const names = periods.map(period => berlin.name(period, berlin.startOf(period, at('2026-03-01T23:30Z'))))
    expect(names).toEqual(['2026-03-02 00:00', '2026-03-02', 'the week of 2026-03-02', '2026-03', '2026'])
  })

  test('divides time without gaps or overlaps, in every zone', () => {
    const zones = [
      'UTC',
      'Europe/Berlin',
      'America/Sao_Paulo',
      'Australia/Lord_Howe',
      'Asia/Kathmandu',
      'Africa/Cairo',
    ]
    const calendars = zones.map(calendarOf)
    const moments = fc.integer({ min: at('2005-01-01T00:00Z'), max: at('2035-01-01T00:00Z') })
    fc.assert(
      fc.property(
        fc.constantFrom(...calendars),
        fc.constantFrom(...periods),
        moments,
        (calendar, period, ms) => {
          const start = calendar.startOf(period, ms)
          const end = calendar.later(period, start, 1)
          expect(start).toBeLessThanOrEqual(ms)
          if (period !== 'hourly') expect(end).toBeGreaterThan(ms)
          expect(calendar.startOf(period, start)).toBe(start)
          if (period !== 'hourly') expect(calendar.startOf(period, end - 1)).toBe(start)
          expect(end - start).toBeLessThanOrEqual(366 * day + hour)
        },
      ),
      { numRuns: 500 },
    )
  })
})
