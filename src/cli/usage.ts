/** Faults of the command line, and the readers of option values that throw them. */
import { Fault } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { formatRate, parseDuration, parseRate, parseSize } from '../base/units.ts'
import { parseLsn, type Lsn } from '../wal/lsn.ts'
import { formatMicros, parseTime, type Micros } from '../wal/time.ts'

export function usageFault(message: string, hint: string): Fault {
  return new Fault('USAGE', message, { hint })
}

export const asText = (text: string): string => text

export function asTime(text: string): Micros {
  const time = parseTime(text)
  if (time !== undefined) return time
  const inUtc = parseTime(`${text.trim()}+00:00`)
  const example = inUtc === undefined ? '2026-03-01 14:30:00+00:00' : formatMicros(inUtc)
  throw usageFault(
    `"${text}" is not a time with its offset from UTC`,
    `Write it as "${example}", which is UTC, or with the offset of where you are; a time without an offset means another moment in another place.`,
  )
}

/** Where a server is: with its scheme, which people leave out. */
export function asAddress(text: string): string {
  if (/^https?:\/\/[^/]/.test(text) && URL.canParse(text)) return text
  throw usageFault(
    `"${text}" is not an address`,
    `Write it with its scheme: https://${text.includes('/') ? 's3.example.com' : text}.`,
  )
}

export function asLsn(text: string): Lsn {
  const lsn = parseLsn(text)
  if (lsn !== undefined) return lsn
  throw usageFault(`"${text}" is not an LSN`, 'Write it as PostgreSQL does: 16/B374D848.')
}

export function asTransactionId(text: string): bigint {
  if (/^\d{1,20}$/.test(text)) return BigInt(text)
  throw usageFault(
    `"${text}" is not a transaction id`,
    'Write the number that pg_current_xact_id() gives: 78423.',
  )
}

export function asDuration(text: string): number {
  const durationMs = parseDuration(text)
  if (durationMs !== undefined) return durationMs
  throw usageFault(`"${text}" is not a duration`, 'Write it as 90s, 1h30m or 7d.')
}

export function asSize(text: string): number {
  const sizeBytes = parseSize(text)
  if (sizeBytes !== undefined && sizeBytes > 0) return sizeBytes
  throw usageFault(`"${text}" is not a size`, 'Write it as 100GB or 64GiB.')
}

/** `none`: no limit. Not null, which Commander takes for no value. */
export function asRateOrNone(text: string): number | 'none' {
  if (text === 'none') return text
  const bytesPerSecond = parseRate(text)
  if (bytesPerSecond !== undefined && bytesPerSecond >= limits.rateBytesMin) return bytesPerSecond
  throw usageFault(
    `"${text}" is not a rate of at least ${formatRate(limits.rateBytesMin)}`,
    'Write it as 50MiB/s or 1GB/s, or `none` for no limit.',
  )
}

export function asWholeNumber(min: number, max: number): (text: string) => number {
  return text => {
    const number = /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (number >= min && number <= max) return number
    throw usageFault(
      `"${text}" is not a whole number from ${String(min)} to ${String(max)}`,
      'Give a number in this range.',
    )
  }
}

export function asChoice<const Choice extends string>(
  ...choices: readonly Choice[]
): (text: string) => Choice {
  return text => {
    const choice = choices.find(candidate => candidate === text)
    if (choice !== undefined) return choice
    throw usageFault(`"${text}" is none of ${choices.join(', ')}`, `Give one of ${choices.join(', ')}.`)
  }
}

/** The timeline to follow: a number as people write it, or PostgreSQL's two words. */
export function asTimeline(text: string): number | 'latest' | 'current' {
  if (text === 'latest' || text === 'current') return text
  if (/^\d{1,10}$/.test(text) && Number(text) > 0) return Number(text)
  throw usageFault(`"${text}" is not a timeline`, 'Give its number (3), "latest" or "current".')
}

export interface Mapping {
  readonly from: string
  readonly to: string
}

export function asMapping(text: string): Mapping {
  const [from = '', to = '', ...more] = text.split('=')
  if (from !== '' && to.startsWith('/') && more.length === 0) return { from, to }
  throw usageFault(
    `"${text}" is not OLD=NEW, with an absolute path for NEW`,
    'Write it as /srv/old_space=/srv/new_space.',
  )
}
