/**
 * Schedules in plain words: `daily at 02:00`, `first monday of the month at 04:00`, `every 15 minutes`.
 *
 *     schedule  = passing | days [ "at" times ]
 *     passing   = "hourly" [ "at" ":MM" ] | "every" [ N ] ( "minute(s)" | "hour(s)" )
 *     days      = "daily" | "weekdays" | "weekends" | "weekly" | weekdays | "monthly" | "quarterly" | "yearly"
 *               | ordinals ( "day" | weekdays ) [ months ] | "day" N [ months ]
 *     months    = "month" | "quarter" | "year" | names of months
 *
 * The words the, of, on and each may stand anywhere. Without `at`, days begin at midnight.
 */
import { parseTimeOfDay } from './time-of-day.ts'
import type { DayRule, Schedule } from './schedule.ts'
import { Complaint, monthOf, ordinalNames, unexpected, weekdayOf } from './vocabulary.ts'

type Parsed = Omit<Schedule, 'text' | 'timeZone'>
type Days = Pick<Parsed, 'months' | 'days'>

export function parsePlainWords(text: string): Parsed {
  const words = cursorOf(
    text
      .toLowerCase()
      .replaceAll(',', ' and ')
      .split(/\s+/)
      .filter(word => !fillers.has(word)),
  )
  const parsed = passing(words) ?? { ...daysOf(words), times: timesAtEnd(words), isEveryHour: false }
  if (words.peek() !== undefined) throw unexpected(words.peek(), '"at" and a time, or the end,')
  return parsed
}

const fillers: ReadonlySet<string> = new Set(['', 'the', 'of', 'on', 'each'])

interface Cursor {
  peek(): string | undefined
  /** The next word, when it is one of these. */
  take<const Wanted extends string>(...wanted: readonly Wanted[]): Wanted | undefined
  /** What `read` makes of the next word, when it makes something of it. */
  read<T>(read: (word: string) => T | undefined): T | undefined
}

function cursorOf(words: readonly string[]): Cursor {
  let at = 0
  return {
    peek: () => words[at],
    take(...wanted) {
      const found = wanted.find(word => word === words[at])
      if (found !== undefined) at++
      return found
    },
    read(read) {
      const word = words[at]
      const found = word === undefined ? undefined : read(word)
      if (found !== undefined) at++
      return found
    },
  }
}

const allMonths = Array.from({ length: 12 }, (_, i) => i + 1)
const quarterMonths = [1, 4, 7, 10]
const everyDay: Days = { months: allMonths, days: [{}] }

/** By the hours and minutes that pass. Leaves `every day` and its like to those who know days. */
function passing(words: Cursor): Parsed | undefined {
  if (words.take('hourly') !== undefined) return everyHourAt(words)
  if (words.take('every') === undefined) return undefined
  const count = words.read(word => (/^\d+$/.test(word) ? Number(word) : undefined))
  if (words.take('minute', 'minutes') !== undefined)
    return everyMinutes(dividing(count ?? 1, 60, 'minutes', 'an hour'))
  if (words.take('hour', 'hours') !== undefined) {
    if ((count ?? 1) === 1) return everyHourAt(words)
    const hours = dividing(count ?? 1, 24, 'hours', 'a day')
    const times = Array.from({ length: 24 / hours }, (_, i) => i * hours * 60)
    return { ...everyDay, times, isEveryHour: false }
  }
  if (count !== undefined) throw unexpected(words.peek(), '"minutes" or "hours"')
  return undefined
}

function everyHourAt(words: Cursor): Parsed {
  if (words.take('at') === undefined) return everyMinutes(60)
  const minute = words.read(word => (/^:[0-5]\d$/.test(word) ? Number(word.slice(1)) : undefined))
  if (minute === undefined) throw unexpected(words.peek(), 'a minute of the hour such as ":15"')
  return everyMinutes(60, minute)
}

function everyMinutes(step: number, first = 0): Parsed {
  const times = Array.from({ length: 1440 / step }, (_, i) => first + i * step)
  return { ...everyDay, times, isEveryHour: true }
}

/** Anything else would have a short last turn, or drift through the day. */
function dividing(count: number, whole: number, unit: string, name: string): number {
  if (count > 0 && whole % count === 0) return count
  const divisors = Array.from({ length: whole }, (_, i) => i + 1).filter(one => whole % one === 0)
  const near = divisors.toSorted((a, b) => Math.abs(a - count) - Math.abs(b - count))[0]
  throw new Complaint(
    `has "every ${String(count)} ${unit}", which does not divide ${name} evenly; the nearest that does is ${String(near)}`,
  )
}

function daysOf(words: Cursor): Days {
  switch (
    words.take('daily', 'day', 'days', 'weekdays', 'weekday', 'weekends', 'weekend', 'weekly', 'week')
  ) {
    case 'day':
    case 'days':
      return /^\d/.test(words.peek() ?? '') ? dateOf(words) : everyDay
    case 'daily':
      return everyDay
    case 'weekdays':
    case 'weekday':
      return { months: allMonths, days: [{ weekdays: [1, 2, 3, 4, 5] }] }
    case 'weekends':
    case 'weekend':
      return { months: allMonths, days: [{ weekdays: [0, 6] }] }
    case 'weekly':
    case 'week':
      return { months: allMonths, days: [{ weekdays: several(words, weekdayOf) ?? [1] }] }
    case undefined:
      return ofMonths(words)
  }
}

function ofMonths(words: Cursor): Days {
  switch (words.take('monthly', 'month', 'quarterly', 'quarter', 'yearly', 'annually', 'year')) {
    case 'monthly':
    case 'month':
      return inMonths(words, allMonths)
    case 'quarterly':
    case 'quarter':
      return inMonths(words, quarterMonths)
    case 'yearly':
    case 'annually':
    case 'year':
      return inMonths(words, [1])
    case undefined:
      return byName(words)
  }
}

function byName(words: Cursor): Days {
  const weekdays = several(words, weekdayOf)
  if (weekdays) return { months: monthsOf(words), days: [{ weekdays }] }
  const days = numbered(words)
  if (days) return { months: monthsOf(words), days }
  throw unexpected(words.peek(), 'a day ("daily", "monday", "first sunday of the month")')
}

/** `monthly` alone begins with the month; or it says on which day of it. */
function inMonths(words: Cursor, months: readonly number[]): Days {
  if (words.take('day', 'days') !== undefined) return { ...dateOf(words), months }
  return { months, days: numbered(words) ?? [{ dates: [1] }] }
}

/** `day 15 and 28 of the month` */
function dateOf(words: Cursor): Days {
  const dates = several(words, word => asDate(word, /^(\d+)$/))
  if (!dates) throw unexpected(words.peek(), 'the number of a day')
  return { days: [{ dates }], months: monthsOf(words) }
}

/** `first and third monday`, `last day`, `15th`. */
function numbered(words: Cursor): readonly DayRule[] | undefined {
  const ordinals = several(words, word => ordinalNames[word])
  if (!ordinals) {
    const dates = several(words, word => asDate(word, /^(\d+)(?:st|nd|rd|th)$/))
    if (!dates) return undefined
    const weekdays = several(words, weekdayOf)
    words.take('day')
    return [weekdays ? { weekdays, ordinals: dates } : { dates }]
  }
  if (words.take('day') !== undefined) {
    const dates = ordinals.filter(one => one > 0)
    return [
      ...(dates.length > 0 ? [{ dates }] : []),
      ...(ordinals.includes(-1) ? [{ isLastOfMonth: true }] : []),
    ]
  }
  const weekdays = several(words, weekdayOf)
  if (!weekdays) throw unexpected(words.peek(), '"day" or a weekday')
  return [{ weekdays, ordinals }]
}

function asDate(word: string, form: RegExp): number | undefined {
  const [, digits] = form.exec(word) ?? []
  if (digits === undefined) return undefined
  if (Number(digits) >= 1 && Number(digits) <= 31) return Number(digits)
  throw new Complaint(`has "${word}", which is not a day of a month (1 to 31)`)
}

function monthsOf(words: Cursor): readonly number[] {
  words.take('every', 'in')
  if (words.take('month', 'months') !== undefined) return allMonths
  if (words.take('quarter') !== undefined) return quarterMonths
  if (words.take('year') !== undefined) return [1]
  return several(words, monthOf) ?? allMonths
}

/** `monday and thursday`: ascending, each once. */
function several(words: Cursor, read: (word: string) => number | undefined): readonly number[] | undefined {
  const first = words.read(read)
  if (first === undefined) return undefined
  const found = [first]
  while (words.take('and') !== undefined) {
    const next = words.read(read)
    if (next === undefined) throw unexpected(words.peek(), 'another of the same kind')
    found.push(next)
  }
  return [...new Set(found)].sort((a, b) => a - b)
}

function timesAtEnd(words: Cursor): readonly number[] {
  if (words.take('at') === undefined) return [0]
  const times = several(words, parseTimeOfDay)
  if (times) return times
  throw unexpected(words.peek(), 'a time of the day such as "02:00"')
}
