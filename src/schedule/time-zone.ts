/**
 * Clocks of a place: what they show at a moment, and when they show something, changes of daylight saving time and all.
 * What clocks show is a number, too: that of the moment at which clocks of UTC show the same.
 */
import { day, minute } from '../base/units.ts'

export interface Zone {
  /** What its clocks show less UTC, at this moment. */
  offsetMs(ms: number): number
}

export interface ShownDate {
  readonly year: number
  /** From 0. */
  readonly month: number
  readonly date: number
  /** 0 is Sunday. */
  readonly weekday: number
}

/** As the system knows them. */
export function isTimeZone(name: string): boolean {
  if (name === 'UTC') return true
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

/** Throws for a name that the system does not know as a time zone; the configuration was checked for that. */
export function zoneOf(timeZone: string): Zone {
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
      // A process that runs for years asks about ever new quarters.
      if (known.size >= knownMax) known.clear()
      known.set(quarterMs, offsetMs)
      return offsetMs
    },
  }
}

const knownMax = 100_000

export function shownAt(zone: Zone, ms: number): number {
  return ms + zone.offsetMs(ms)
}

export function shownDate(zone: Zone, ms: number): ShownDate {
  const shown = new Date(shownAt(zone, ms))
  return {
    year: shown.getUTCFullYear(),
    month: shown.getUTCMonth(),
    date: shown.getUTCDate(),
    weekday: shown.getUTCDay(),
  }
}

/** The first moment at which clocks show this, or, where they are put forward over it, the one at which they land beyond. */
export function momentShowing(zone: Zone, shownMs: number): number {
  const candidates = [shownMs - day, shownMs + day].map(near => shownMs - zone.offsetMs(near))
  const exact = candidates.filter(ms => shownAt(zone, ms) === shownMs)
  return exact.length > 0 ? Math.min(...exact) : firstAtOrAfter(zone, shownMs, Math.min(...candidates) - day)
}

/** Clocks jump over what is looked for: finds where they land, within two days after `fromMs`. */
function firstAtOrAfter(zone: Zone, shownMs: number, fromMs: number): number {
  let before = fromMs
  let after = fromMs + 2 * day
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    if (shownAt(zone, middle) >= shownMs) after = middle
    else before = middle
  }
  return after
}
