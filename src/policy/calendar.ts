/**
 * Hours, days, weeks, months and years as people count them in a place: where each begins, daylight saving time and all.
 * Days begin at midnight, or at the first moment of the day where a clock is put forward over midnight.
 */
import { day, hour, minute } from '../base/units.ts'

export type Period = 'hourly' | 'daily' | 'weekly' | 'monthly' | 'yearly'

export interface Calendar {
  /** When the period that holds this moment began, in milliseconds since 1970. */
  startOf(period: Period, ms: number): number
  /** The beginning of the period so many further on than the one that begins at `startMs`. */
  later(period: Period, startMs: number, count: number): number
  /** `2026-03-01`, `2026-03`, `2026`, `the week of 2026-02-23`, `2026-03-01 02:00`. */
  name(period: Period, startMs: number): string
}

/** Throws for a name that the system does not know as a time zone; the configuration was checked for that. */
export function calendarOf(timeZone: string): Calendar {
  const zone = zoneOf(timeZone)
  const startOf = (period: Period, ms: number): number => {
    if (period === 'hourly') return Math.floor((ms + zone.offsetMs(ms)) / hour) * hour - zone.offsetMs(ms)
    const { year, month, date, weekday } = localDate(zone, ms)
    switch (period) {
      case 'daily':
        return beginOf(zone, year, month, date)
      case 'weekly':
        return beginOf(zone, year, month, date - ((weekday + 6) % 7))
      case 'monthly':
        return beginOf(zone, year, month, 1)
      case 'yearly':
        return beginOf(zone, year, 0, 1)
    }
  }
  return {
    startOf,
    later(period, startMs, count) {
      if (period === 'hourly') return startMs + count * hour
      const { year, month, date } = localDate(zone, startMs)
      switch (period) {
        case 'daily':
          return beginOf(zone, year, month, date + count)
        case 'weekly':
          return beginOf(zone, year, month, date + 7 * count)
        case 'monthly':
          return beginOf(zone, year, month + count, 1)
        case 'yearly':
          return beginOf(zone, year + count, 0, 1)
      }
    },
    name: (period, startMs) => nameOf(period, new Date(startMs + zone.offsetMs(startMs)).toISOString()),
  }
}

interface Zone {
  /** What its clocks show less UTC, at this moment. */
  offsetMs(ms: number): number
}

function zoneOf(timeZone: string): Zone {
  if (timeZone === 'UTC') return { offsetMs: () => 0 }
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  const offsetAt = (ms: number): number => {
    const parts = new Map(format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]))
    const part = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0
    const [year, month, date] = [part('year'), part('month') - 1, part('day')]
    return Date.UTC(year, month, date, part('hour'), part('minute'), part('second')) - ms
  }
  // Formatting is slow, and clocks have been changed at quarters of an hour only since 1973.
  const known = new Map<number, number>()
  return {
    offsetMs(ms) {
      const quarterMs = Math.floor(ms / (15 * minute)) * 15 * minute
      const offsetMs = known.get(quarterMs) ?? offsetAt(quarterMs)
      known.set(quarterMs, offsetMs)
      return offsetMs
    },
  }
}

function localDate(zone: Zone, ms: number): { year: number; month: number; date: number; weekday: number } {
  const shown = new Date(ms + zone.offsetMs(ms))
  return {
    year: shown.getUTCFullYear(),
    month: shown.getUTCMonth(),
    date: shown.getUTCDate(),
    weekday: shown.getUTCDay(),
  }
}

/** The first moment at which clocks show this date. Months and dates may be beyond their ends, as in `Date.UTC`. */
function beginOf(zone: Zone, year: number, month: number, date: number): number {
  const midnight = Date.UTC(year, month, date)
  const candidates = [midnight - day, midnight + day].map(near => midnight - zone.offsetMs(near))
  const exact = candidates.filter(ms => ms + zone.offsetMs(ms) === midnight)
  return exact.length > 0 ? Math.min(...exact) : firstAtOrAfter(zone, midnight, Math.min(...candidates) - day)
}

/** Clocks jump over this moment: finds where they land, within two days after `fromMs`. */
function firstAtOrAfter(zone: Zone, shownMs: number, fromMs: number): number {
  let before = fromMs
  let after = fromMs + 2 * day
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    if (middle + zone.offsetMs(middle) >= shownMs) after = middle
    else before = middle
  }
  return after
}

function nameOf(period: Period, shown: string): string {
  switch (period) {
    case 'hourly':
      return `${shown.slice(0, 10)} ${shown.slice(11, 16)}`
    case 'daily':
      return shown.slice(0, 10)
    case 'weekly':
      return `the week of ${shown.slice(0, 10)}`
    case 'monthly':
      return shown.slice(0, 7)
    case 'yearly':
      return shown.slice(0, 4)
  }
}
