/** Spans of the day in which jobs may be started: `22:00-06:00`. */
import { day, minute } from '../base/units.ts'
import { parseTimeOfDay } from './time-of-day.ts'
import { momentShowing, shownAt, type Zone } from './time-zone.ts'

export interface DayWindow {
  /** Minutes since midnight; it may span midnight. */
  readonly from: number
  readonly until: number
}

/** Undefined when it is not a span. Throws a Complaint for times that do not exist. */
export function parseDayWindow(text: string): DayWindow | undefined {
  const [from, until, ...more] = text.split(/\s*(?:-|–|to)\s*/).map(parseTimeOfDay)
  if (from === undefined || until === undefined || more.length > 0 || from === until) return undefined
  return { from, until }
}

/** This moment when the window is open, else the one at which it opens. */
export function opensMs({ from, until }: DayWindow, zone: Zone, ms: number): number {
  const shown = shownAt(zone, ms)
  const midnightMs = Math.floor(shown / day) * day
  const time = (shown - midnightMs) / minute
  const isOpen = from < until ? time >= from && time < until : time >= from || time < until
  if (isOpen) return ms
  const opening = [0, 1, 2].map(n => momentShowing(zone, midnightMs + n * day + from * minute))
  return opening.find(moment => moment > ms) ?? ms + day
}
