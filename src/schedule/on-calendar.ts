/** Schedules in systemd's words: `OnCalendar=`. */
import type { DayRule, Schedule } from './schedule.ts'

/** One or more; together they are the schedule. */
export function onCalendarOf(schedule: Schedule, timeZone: string): readonly string[] {
  const months = schedule.months.length === 12 ? '*' : schedule.months.map(two).join(',')
  const times = timesOf(schedule)
  return schedule.days
    .flatMap(rule => datesOf(rule).map(date => `${weekdaysOf(rule)}*-${months}${date}`))
    .flatMap(days => times.map(time => `${days} ${time} ${timeZone}`))
}

/** Dates are counted from the beginning of the month, or with `~` from its end. */
function datesOf({ dates, ordinals, isLastOfMonth }: DayRule): readonly string[] {
  if (isLastOfMonth === true) return ['~01']
  if (!ordinals) return [dates ? `-${dates.map(two).join(',')}` : '-*']
  const counted = ordinals.filter(ordinal => ordinal > 0)
  const weeks = counted.map(ordinal => `${two(7 * ordinal - 6)}..${two(Math.min(31, 7 * ordinal))}`)
  return [...(weeks.length > 0 ? [`-${weeks.join(',')}`] : []), ...(ordinals.includes(-1) ? ['~07/1'] : [])]
}

const weekdayNames = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] as const

function weekdaysOf({ weekdays }: DayRule): string {
  return weekdays ? `${weekdays.map(weekday => weekdayNames[weekday] ?? '').join(',')} ` : ''
}

function timesOf({ times }: Schedule): readonly string[] {
  return hoursAndMinutes(times).map(
    ({ hours, minutes }) =>
      `${hours.length === 24 ? '*' : hours.map(two).join(',')}:${minutes.map(two).join(',')}:00`,
  )
}

/** Hours that have the same minutes, together. */
export function hoursAndMinutes(
  times: readonly number[],
): readonly { readonly hours: readonly number[]; readonly minutes: readonly number[] }[] {
  const minutesByHour = Map.groupBy(times, time => Math.floor(time / 60))
  const entries = [...minutesByHour].map(([hour, all]) => ({ hour, minutes: all.map(time => time % 60) }))
  return [...Map.groupBy(entries, ({ minutes }) => minutes.join(','))].map(([, alike]) => ({
    hours: alike.map(({ hour }) => hour),
    minutes: alike[0]?.minutes ?? [],
  }))
}

const two = (number: number): string => String(number).padStart(2, '0')
