/**
 * Times as PostgreSQL keeps them: to the microsecond. A JavaScript date would lose the last three digits, and two
 * commits within one millisecond are ordinary; so a time that a restore is to stop at is a count of microseconds.
 */

/** Microseconds since 1970-01-01 00:00:00 UTC. Exact in a JavaScript number until the year 2255. */
export type Micros = number

/** Between 1970 and PostgreSQL's own epoch, 2000-01-01. */
const postgresEpochMicros = 946_684_800_000_000

/** From `TimestampTz`, which counts microseconds since 2000. */
export function microsFromPostgres(timestampTz: number): Micros {
  return timestampTz + postgresEpochMicros
}

/**
 * Reads `2026-03-01 02:00:00.123456+00:00`, `2026-03-01T02:00Z`, `2026-03-01 02:00:00+02`. Undefined when it is not
 * such a time, and also when it has no offset: a time that means something else in another place is no target.
 */
export function parseTime(text: string): Micros | undefined {
  const match =
    /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?\s*(Z|UTC|[+-]\d\d(?::?\d\d)?)$/i.exec(
      text.trim(),
    )
  if (!match) return undefined
  const [, day = '', clock = '', seconds = '00', fraction = '', offset = 'Z'] = match
  const wholeMs = Date.parse(`${day}T${clock}:${seconds}${isoOffset(offset)}`)
  if (Number.isNaN(wholeMs) || !isOnTheCalendar(day)) return undefined
  return wholeMs * 1000 + Number(fraction.padEnd(6, '0'))
}

/** `2026-03-01 02:00:00.123456+00:00`: as PostgreSQL reads it in `recovery_target_time`, and people too. */
export function formatMicros(micros: Micros): string {
  const [day, clock] = isoMicros(micros).slice(0, -1).split('T')
  return `${day ?? ''} ${(clock ?? '').replace(/\.?0*$/, '')}+00:00`
}

/** `2026-03-01T02:00:00.123456Z`: for JSON; always six digits, so that text sorts as time does. */
export function isoMicros(micros: Micros): string {
  const wholeMs = Math.floor(micros / 1000)
  return `${new Date(wholeMs).toISOString().slice(0, -1)}${String(micros - wholeMs * 1000).padStart(3, '0')}Z`
}

function isoOffset(offset: string): string {
  if (/^(Z|UTC)$/i.test(offset)) return 'Z'
  const digits = offset.slice(1).replace(':', '').padEnd(4, '0')
  return `${offset.slice(0, 1)}${digits.slice(0, 2)}:${digits.slice(2)}`
}

/** `Date.parse` takes the 31st of February for the 3rd of March. */
function isOnTheCalendar(day: string): boolean {
  const date = new Date(`${day}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(day)
}
