/** Schedules in cron's five fields: minute, hour, day of the month, month, day of the week. */
import { nearest } from '../base/nearest.ts'
import type { DayRule, Schedule } from './schedule.ts'
import { Complaint, monthOf, weekdayOf } from './vocabulary.ts'

type Days = Omit<Schedule, 'text' | 'timeZone'>

/** Their meaning in plain words. */
export const cronNicknames: Readonly<Record<string, string>> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
}

export function looksLikeCron(text: string): boolean {
  return text.startsWith('@') || /^[\d*][\d*,/-]*\s+[\d*]/.test(text)
}

export function parseCron(text: string): Days {
  const fields = (text.startsWith('@') ? nicknameOf(text) : text).split(/\s+/)
  if (fields.length !== 5)
    throw new Complaint(
      `has ${String(fields.length)} fields, where cron has five: minute, hour, day of the month, month, day of the week`,
    )
  const [minuteField = '', hourField = '', dateField = '', monthField = '', weekdayField = ''] = fields
  const minutes = rangesOf(minuteField, { name: 'minute', min: 0, max: 59 })
  const hours = rangesOf(hourField, { name: 'hour', min: 0, max: 23 })
  return {
    months: rangesOf(monthField, { name: 'month', min: 1, max: 12, named: monthOf }),
    days: daysOf(dateField, weekdayField),
    times: hours.flatMap(hour => minutes.map(minute => hour * 60 + minute)),
    isEveryHour: hours.length === 24,
  }
}

function nicknameOf(text: string): string {
  const meaning = cronNicknames[text.toLowerCase()]
  if (meaning !== undefined) return meaning
  const near = nearest(text.toLowerCase(), Object.keys(cronNicknames))
  throw new Complaint(
    `has "${text}", which cron does not know; ${near === undefined ? `known are ${Object.keys(cronNicknames).join(', ')}` : `did you mean "${near}"?`}`,
  )
}

/** As cron does it: when both fields are restricted, one of them suffices; beginning with a star is no restriction. */
function daysOf(dateField: string, weekdayField: string): readonly DayRule[] {
  const isAny = (field: string): boolean => field === '*' || field === '?'
  const dateRule: DayRule = isAny(dateField)
    ? {}
    : dateField.toLowerCase() === 'l'
      ? { isLastOfMonth: true }
      : { dates: rangesOf(dateField, { name: 'day of the month', min: 1, max: 31 }) }
  const weekdayRule: DayRule = isAny(weekdayField) ? {} : weekdayRuleOf(weekdayField)
  const areBoth = ![dateField, weekdayField].some(field => isAny(field) || field.startsWith('*'))
  return areBoth ? [dateRule, weekdayRule] : [{ ...dateRule, ...weekdayRule }]
}

/** `1-5`, `mon,thu`, and with its number in the month: `1#2` (the second Monday), `5L` (the last Friday). */
function weekdayRuleOf(field: string): DayRule {
  const [, which = '', number, last] = /^(\w+?)(?:#([1-5])|(L))$/i.exec(field) ?? []
  const given = number === undefined && last === undefined ? field : which
  const weekdays = rangesOf(given, { name: 'day of the week', min: 0, max: 7, named: weekdayOf })
  return {
    weekdays: [...new Set(weekdays.map(weekday => weekday % 7))].sort((a, b) => a - b),
    ...(number === undefined ? {} : { ordinals: [Number(number)] }),
    ...(last === undefined ? {} : { ordinals: [-1] }),
  }
}

interface Field {
  readonly name: string
  readonly min: number
  readonly max: number
  readonly named?: (word: string) => number | undefined
}

function rangesOf(text: string, field: Field): readonly number[] {
  const found = new Set(text.split(',').flatMap(part => rangeOf(part, field)))
  return [...found].sort((a, b) => a - b)
}

function rangeOf(part: string, field: Field): readonly number[] {
  const [, from = '', to, step = '1'] = /^(\*|\w+)(?:-(\w+))?(?:\/(\d+))?$/.exec(part) ?? []
  if (from === '' || (from === '*' && to !== undefined) || Number(step) === 0)
    throw new Complaint(`has "${part}", which is not a ${field.name} as cron writes it (2, 1-5, */15, 1,15)`)
  const first = from === '*' ? field.min : numberOf(from, field)
  // `5/15` means from 5 on.
  const isOpen = from === '*' || (to === undefined && part.includes('/'))
  const last = to === undefined ? (isOpen ? lastOf(field) : first) : numberOf(to, field)
  if (last < first)
    throw new Complaint(
      `has "${part}", which ends before it begins; write ${from}-${String(field.max)},${String(field.min)}-${String(to)}`,
    )
  const numbers: number[] = []
  for (let number = first; number <= last; number += Number(step)) numbers.push(number)
  return numbers
}

/** Sunday is 0 and 7; a star means it once. */
const lastOf = ({ max, named }: Field): number => (named === weekdayOf ? 6 : max)

function numberOf(text: string, { name, min, max, named }: Field): number {
  const number = /^\d+$/.test(text) ? Number(text) : named?.(text.toLowerCase())
  if (number !== undefined && number >= min && number <= max) return number
  const near = number === undefined ? undefined : Math.min(Math.max(number, min), max)
  throw new Complaint(
    `has "${text}", which is no ${name} (${String(min)} to ${String(max)})${near === undefined ? '' : `; the nearest is ${String(near)}`}`,
  )
}
