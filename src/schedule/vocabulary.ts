/** The words of schedules, and what is said of others. */
import { nearest } from '../base/nearest.ts'

/** What is wrong with a schedule: a clause without a subject (`has "dayly", which …`). */
export class Complaint extends Error {
  override readonly name = 'Complaint'
}

export const weekdayNames = [
  'sunday',
  'monday',
  'tuesday',
  'wednesday',
  'thursday',
  'friday',
  'saturday',
] as const

export const monthNames = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
] as const

export const ordinalNames: Readonly<Record<string, number>> = {
  first: 1,
  second: 2,
  third: 3,
  fourth: 4,
  fifth: 5,
  last: -1,
}

const otherWords = [
  'hourly',
  'daily',
  'weekly',
  'monthly',
  'quarterly',
  'yearly',
  'weekdays',
  'weekends',
  'every',
  'minute',
  'minutes',
  'hour',
  'hours',
  'day',
  'week',
  'month',
  'quarter',
  'year',
  'at',
  'and',
  'of',
  'the',
  'on',
  'in',
  'noon',
  'midnight',
]

const allWords = [...otherWords, ...weekdayNames, ...monthNames, ...Object.keys(ordinalNames)]

/** `mon`, `Mondays`: 1. */
export function weekdayOf(word: string): number | undefined {
  return numberIn(weekdayNames, word.length > 3 ? word.replace(/s$/, '') : word)
}

/** `jan`, `January`: 1. */
export function monthOf(word: string): number | undefined {
  const index = numberIn(monthNames, word)
  return index === undefined ? undefined : index + 1
}

function numberIn(names: readonly string[], word: string): number | undefined {
  const index = names.findIndex(
    name => name === word || (word.length >= 3 && word.length <= 4 && name.startsWith(word)),
  )
  return index === -1 ? undefined : index
}

/** `wanted` says what would have been right here. */
export function unexpected(word: string | undefined, wanted: string): Complaint {
  if (word === undefined) return new Complaint(`is cut short: ${wanted} is missing at its end`)
  const near = allWords.includes(word) ? undefined : nearest(word, allWords)
  return new Complaint(
    `has "${word}", where ${wanted} is expected${near === undefined ? '' : `; did you mean "${near}"?`}`,
  )
}
