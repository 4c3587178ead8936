/** Times of the day: `02:00`, `2:30pm`, `noon`. */
import { Complaint } from './vocabulary.ts'

/** Minutes since midnight; undefined when it does not look like a time. */
export function parseTimeOfDay(word: string): number | undefined {
  if (word === 'midnight') return 0
  if (word === 'noon') return 12 * 60
  const [, digits = '', minutes, half] = /^(\d{1,2})(?::(\d{2}))?(am|pm)?$/.exec(word) ?? []
  if (digits === '' || (minutes === undefined && half === undefined)) return undefined
  const hour = half === undefined ? Number(digits) : (Number(digits) % 12) + (half === 'pm' ? 12 : 0)
  const isTime = hour <= 23 && Number(minutes ?? 0) <= 59 && (half === undefined || Number(digits) <= 12)
  if (isTime) return hour * 60 + Number(minutes ?? 0)
  throw new Complaint(`has "${word}", which is not a time of the day (00:00 to 23:59)`)
}

/** `02:05` */
export function formatTimeOfDay(minutes: number): string {
  const two = (number: number): string => String(number).padStart(2, '0')
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`
}
