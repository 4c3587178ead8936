/** From what people write to a schedule: plain words, or cron's five fields; either may end with `in Europe/Berlin`. */
import { looksLikeCron, parseCron } from './cron.ts'
import { parsePlainWords } from './plain-words.ts'
import { everComes, type Schedule } from './schedule.ts'
import { isTimeZone } from './time-zone.ts'
import { Complaint } from './vocabulary.ts'

/** Throws a Complaint. */
export function parseSchedule(text: string): Schedule {
  const [, when = '', timeZone] = /^(.*?)(?:\s+in\s+([A-Za-z_]+\/[\w/+-]+|UTC))?$/.exec(text.trim()) ?? []
  if (when === '') throw new Complaint('is empty, where a schedule is expected, such as "daily at 02:00"')
  if (timeZone !== undefined && !isTimeZone(timeZone))
    throw new Complaint(`has "${timeZone}", which is not a time zone such as Europe/Berlin`)
  const parsed = looksLikeCron(when) ? parseCron(when) : parsePlainWords(when)
  const schedule = { text: text.trim(), timeZone, ...parsed }
  if (!everComes(schedule)) throw new Complaint(`names a day that never comes`)
  return schedule
}
