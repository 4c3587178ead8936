/** Schedules in cron's words: five fields, and where they do not suffice a test that the shell makes first. */
import { hoursAndMinutes } from './on-calendar.ts'
import type { DayRule, Schedule } from './schedule.ts'

export interface CronLine {
  /** `30 2 * * 1-5` */
  readonly fields: string
  /** For the shell, with the percent signs that cron would take for line ends escaped; empty: none. */
  readonly test: string
}

/** One or more; together they are the schedule. */
export function cronLinesOf(schedule: Schedule): readonly CronLine[] {
  const months = schedule.months.length === 12 ? '*' : schedule.months.join(',')
  return hoursAndMinutes(schedule.times).flatMap(({ hours, minutes }) => {
    const time = `${minutes.join(',')} ${hours.length === 24 ? '*' : hours.join(',')}`
    return schedule.days.flatMap(rule =>
      daysOf(rule).map(({ dates, weekdays, test }) => ({
        fields: `${time} ${dates} ${months} ${weekdays}`,
        test,
      })),
    )
  })
}

interface CronDays {
  readonly dates: string
  readonly weekdays: string
  readonly test: string
}

/** Cron takes a date *or* a weekday when both are given, so with a date the weekday is tested. */
function daysOf({ dates, weekdays, ordinals, isLastOfMonth }: DayRule): readonly CronDays[] {
  const isWeekday = weekdays ? `case $(date +\\%w) in ${weekdays.join('|')}) ;; *) exit 0 ;; esac; ` : ''
  if (isLastOfMonth === true)
    return [
      { dates: '28-31', weekdays: '*', test: `${isWeekday}[ "$(date -d tomorrow +\\%d)" = 01 ] || exit 0; ` },
    ]
  if (!ordinals) {
    if (!dates) return [{ dates: '*', weekdays: weekdays ? weekdays.join(',') : '*', test: '' }]
    return [{ dates: dates.join(','), weekdays: '*', test: isWeekday }]
  }
  return ordinals.map(ordinal =>
    ordinal > 0
      ? {
          dates: `${String(7 * ordinal - 6)}-${String(Math.min(31, 7 * ordinal))}`,
          weekdays: '*',
          test: isWeekday,
        }
      : {
          dates: '22-31',
          weekdays: '*',
          test: `${isWeekday}[ "$(date -d '+7 days' +\\%m)" != "$(date +\\%m)" ] || exit 0; `,
        },
  )
}
