/**
 * Schedules: at which moments something is to happen, by the clocks of a place.
 *
 * Where clocks are put forward over a time of the day, the run is at the moment at which they land; where they are put back
 * and show it twice, it is at the first of the two. A schedule of every hour goes by the hours that pass: it neither makes
 * up for the hour that is left out, nor passes over the second one of the same name.
 */
import { day, hour, minute } from '../base/units.ts'
import { momentShowing, shownAt, type Zone } from './time-zone.ts'

export interface Schedule {
  /** As it was written. */
  readonly text: string
  /** From 1, ascending. */
  readonly months: readonly number[]
  /** A day of these months is meant when one of these says so. */
  readonly days: readonly DayRule[]
  /** Minutes since midnight, ascending. */
  readonly times: readonly number[]
  /** The same minutes of every hour. */
  readonly isEveryHour: boolean
  /** When it names a place of its own. */
  readonly timeZone: string | undefined
}

/** All that is said of a day must hold; nothing said: every day. */
export interface DayRule {
  readonly dates?: readonly number[]
  /** 0 is Sunday. */
  readonly weekdays?: readonly number[]
  /** The first (1) to fifth (5), or the last (-1), of those weekdays in the month. */
  readonly ordinals?: readonly number[]
  readonly isLastOfMonth?: boolean
}

/** The first run after this moment. */
export function nextRun(schedule: Schedule, zone: Zone, afterMs: number): number {
  return schedule.isEveryHour
    ? nearestMinute(schedule, zone, afterMs, 1)
    : nextOfDays(schedule, zone, afterMs)
}

/** The last run at this moment or before it. */
export function lastRun(schedule: Schedule, zone: Zone, atMs: number): number {
  return schedule.isEveryHour ? nearestMinute(schedule, zone, atMs, -1) : lastOfDays(schedule, zone, atMs)
}

/** Between the two of its next runs that are nearest to each other. */
export function leastGapMs(schedule: Schedule, zone: Zone, fromMs: number): number {
  let [leastMs, atMs] = [Infinity, nextRun(schedule, zone, fromMs)]
  // So many show every weekday, and every month of what runs monthly.
  for (let n = 0; n < 60; n++) {
    const nextMs = nextRun(schedule, zone, atMs)
    leastMs = Math.min(leastMs, nextMs - atMs)
    atMs = nextMs
  }
  return leastMs
}

/** Whether a day that is shown as this (a midnight) is one of the schedule. */
export function isDay({ months, days }: Schedule, midnightMs: number): boolean {
  // 1970 began on a Thursday. Most days are out by this alone, and years of them may be looked at.
  const weekday = (((midnightMs / day + 4) % 7) + 7) % 7
  if (days.every(({ weekdays }) => weekdays?.includes(weekday) === false)) return false
  const shown = new Date(midnightMs)
  const date = shown.getUTCDate()
  if (!months.includes(shown.getUTCMonth() + 1)) return false
  const left = Date.UTC(shown.getUTCFullYear(), shown.getUTCMonth() + 1, 0) / day - midnightMs / day
  return days.some(
    rule =>
      (!rule.dates || rule.dates.includes(date)) &&
      (!rule.weekdays || rule.weekdays.includes(weekday)) &&
      (!rule.ordinals ||
        rule.ordinals.includes(Math.ceil(date / 7)) ||
        (rule.ordinals.includes(-1) && left < 7)) &&
      (rule.isLastOfMonth !== true || left === 0),
  )
}

/** Eight years are the longest that a 29th of February lets wait; its weekday may be asked for, too. */
const daysLookedAtMax = 366 * 41

/** Whether there is such a day at all: a 30th of February never comes. */
export function everComes(schedule: Schedule): boolean {
  const start = Date.UTC(2000, 0, 1)
  for (let n = 0; n < daysLookedAtMax; n++) if (isDay(schedule, start + n * day)) return true
  return false
}

/** What clocks have shown already, has had its moment: only what is shown later can come. */
function nextOfDays(schedule: Schedule, zone: Zone, afterMs: number): number {
  const shownMs = shownAt(zone, afterMs)
  const first = midnightBefore(shownMs)
  for (let n = 0; n < daysLookedAtMax; n++) {
    const midnightMs = first + n * day
    if (!isDay(schedule, midnightMs)) continue
    for (const time of schedule.times) {
      const wantedMs = midnightMs + time * minute
      if (wantedMs <= shownMs) continue
      const ms = momentShowing(zone, wantedMs)
      if (ms > afterMs) return ms
    }
  }
  throw new Error('assertion failed: a schedule that was accepted has a next run')
}

/** What clocks show was shown; and what they showed before they were put back, if that was not long ago. */
function lastOfDays(schedule: Schedule, zone: Zone, atMs: number): number {
  const putBackMs = Math.max(0, zone.offsetMs(atMs - 26 * hour) - zone.offsetMs(atMs))
  const furthestMs = shownAt(zone, atMs) + putBackMs
  const first = midnightBefore(furthestMs)
  for (let n = 0; n < daysLookedAtMax; n++) {
    const midnightMs = first - n * day
    if (!isDay(schedule, midnightMs)) continue
    for (const time of schedule.times.toReversed()) {
      const wantedMs = midnightMs + time * minute
      if (wantedMs > furthestMs) continue
      const ms = momentShowing(zone, wantedMs)
      if (ms <= atMs) return ms
    }
  }
  throw new Error('assertion failed: a schedule that was accepted has a last run')
}

/** Minute after minute as they pass; days that are not meant are passed over at once. */
function nearestMinute(schedule: Schedule, zone: Zone, fromMs: number, step: 1 | -1): number {
  const minutes = new Set(schedule.times.map(time => time % 60))
  let ms = Math.floor(fromMs / minute) * minute + (step === 1 ? minute : 0)
  let meant: number | undefined
  for (let tries = 0; tries < daysLookedAtMax; tries++) {
    const shownMs = shownAt(zone, ms)
    const midnightMs = midnightBefore(shownMs)
    if (midnightMs !== meant && !isDay(schedule, midnightMs)) {
      const begin = momentShowing(zone, midnightMs + (step === 1 ? day : 0))
      ms = step === 1 ? Math.max(begin, ms + minute) : Math.min(begin, ms) - minute
      continue
    }
    meant = midnightMs
    if (minutes.has(Math.floor((shownMs - midnightMs) / minute) % 60)) return ms
    ms += step * minute
  }
  throw new Error('assertion failed: a schedule that was accepted has a run')
}

function midnightBefore(shownMs: number): number {
  return Math.floor(shownMs / day) * day
}
