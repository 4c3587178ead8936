/**
 * Hours, days, weeks, months and years as people count them in a place: where each begins, daylight saving time and all.
 * Days begin at midnight, or at the first moment of the day where a clock is put forward over midnight.
 */
import { hour } from '../base/units.ts'
import { momentShowing, shownDate, zoneOf, type Zone } from '../schedule/time-zone.ts'

export type Period = 'hourly' | 'daily' | 'weekly' | 'monthly' | 'yearly'

/** How long something is kept, as people count it. */
export interface Span {
  readonly years?: number | undefined
  readonly months?: number | undefined
  readonly days?: number | undefined
}

export interface Calendar {
  /** When the period that holds this moment began, in milliseconds since 1970. */
  startOf(period: Period, ms: number): number
  /** The beginning of the period so many further on than the one that begins at `startMs`. */
  later(period: Period, startMs: number, count: number): number
  /** The same time of the day so many days, months or years later; what a month does not have, in the one after it. */
  after(ms: number, span: Span): number
  /** `2026-03-01`, `2026-03`, `2026`, `the week of 2026-02-23`, `2026-03-01 02:00`. */
  name(period: Period, startMs: number): string
}

/** Throws for a name that the system does not know as a time zone; the configuration was checked for that. */
export function calendarOf(timeZone: string): Calendar {
  const zone = zoneOf(timeZone)
  const startOf = (period: Period, ms: number): number => {
    if (period === 'hourly') return Math.floor((ms + zone.offsetMs(ms)) / hour) * hour - zone.offsetMs(ms)
    const { year, month, date, weekday } = shownDate(zone, ms)
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
      const { year, month, date } = shownDate(zone, startMs)
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
    after(ms, { years = 0, months = 0, days = 0 }) {
      const { year, month, date } = shownDate(zone, ms)
      const ofDayMs = ms - beginOf(zone, year, month, date)
      return beginOf(zone, year + years, month + months, date + days) + ofDayMs
    },
    name: (period, startMs) => nameOf(period, new Date(startMs + zone.offsetMs(startMs)).toISOString()),
  }
}

/** The first moment at which clocks show this date. Months and dates may be beyond their ends, as in `Date.UTC`. */
function beginOf(zone: Zone, year: number, month: number, date: number): number {
  return momentShowing(zone, Date.UTC(year, month, date))
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
