import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { day, hour, minute } from '../base/units.ts'
import { parseSchedule } from './parse-schedule.ts'
import { isDay, lastRun, nextRun, type Schedule } from './schedule.ts'
import { shownAt, zoneOf, type Zone } from './time-zone.ts'

const at = (text: string): number => Date.parse(text)
const iso = (ms: number): string => `${new Date(ms).toISOString().slice(0, 16)}Z`

/** The next `count` runs in a place, as moments of UTC. */
function runs(text: string, timeZone: string, from: string, count: number): readonly string[] {
  const [schedule, zone] = [parseSchedule(text), zoneOf(timeZone)]
  const found: number[] = []
  for (let ms = at(from); found.length < count;) found.push((ms = nextRun(schedule, zone, ms)))
  return found.map(iso)
}

describe('a schedule', () => {
  test.each<[text: string, zone: string, from: string, next: readonly string[]]>([
    ['daily at 02:00', 'UTC', '2026-03-01T02:00Z', ['2026-03-02T02:00Z', '2026-03-03T02:00Z']],
    ['daily', 'Europe/Berlin', '2026-03-01T02:00Z', ['2026-03-01T23:00Z']],
    ['every day at 02:00 and 2pm', 'UTC', '2026-03-01T02:00Z', ['2026-03-01T14:00Z', '2026-03-02T02:00Z']],
    ['hourly', 'UTC', '2026-03-01T02:10Z', ['2026-03-01T03:00Z', '2026-03-01T04:00Z']],
    ['hourly at :15', 'Asia/Kathmandu', '2026-03-01T02:10Z', ['2026-03-01T02:30Z']],
    ['every 15 minutes', 'UTC', '2026-03-01T23:40Z', ['2026-03-01T23:45Z', '2026-03-02T00:00Z']],
    ['every 6 hours', 'UTC', '2026-03-01T02:10Z', ['2026-03-01T06:00Z', '2026-03-01T12:00Z']],
    ['sundays at 03:00', 'UTC', '2026-03-01T03:00Z', ['2026-03-08T03:00Z']],
    ['weekly on sunday at 03:00', 'UTC', '2026-03-01T03:00Z', ['2026-03-08T03:00Z']],
    ['monday, thursday at noon', 'UTC', '2026-03-01T03:00Z', ['2026-03-02T12:00Z', '2026-03-05T12:00Z']],
    ['weekdays at 01:00', 'UTC', '2026-03-06T02:00Z', ['2026-03-09T01:00Z']],
    [
      'first monday of the month at 04:00',
      'UTC',
      '2026-03-01T00:00Z',
      ['2026-03-02T04:00Z', '2026-04-06T04:00Z'],
    ],
    ['last friday of the month at 04:00', 'UTC', '2026-02-28T00:00Z', ['2026-03-27T04:00Z']],
    [
      'first and third monday of the month',
      'UTC',
      '2026-03-03T00:00Z',
      ['2026-03-16T00:00Z', '2026-04-06T00:00Z'],
    ],
    [
      'last day of the month at 23:30',
      'UTC',
      '2024-02-01T00:00Z',
      ['2024-02-29T23:30Z', '2024-03-31T23:30Z'],
    ],
    ['15th of the month at 01:00', 'UTC', '2026-03-16T00:00Z', ['2026-04-15T01:00Z']],
    ['day 15 of january and july at 01:00', 'UTC', '2026-03-16T00:00Z', ['2026-07-15T01:00Z']],
    ['monthly at 04:00', 'UTC', '2026-03-16T00:00Z', ['2026-04-01T04:00Z']],
    ['monthly on the last sunday at 04:00', 'UTC', '2026-03-16T00:00Z', ['2026-03-29T04:00Z']],
    [
      'first monday of the quarter at 04:00',
      'UTC',
      '2026-03-16T00:00Z',
      ['2026-04-06T04:00Z', '2026-07-06T04:00Z'],
    ],
    ['yearly', 'UTC', '2026-03-16T00:00Z', ['2027-01-01T00:00Z']],
    ['daily at 02:00 in America/New_York', 'UTC', '2026-01-01T00:00Z', ['2026-01-01T02:00Z']],
    ['30 2 * * *', 'UTC', '2026-03-01T02:30Z', ['2026-03-02T02:30Z']],
    ['0 4 1-7 * 1', 'UTC', '2026-03-02T05:00Z', ['2026-03-03T04:00Z']],
    ['0 4 */7 * 1', 'UTC', '2026-03-02T05:00Z', ['2026-06-01T04:00Z']],
    ['0 4 * * 1#1', 'UTC', '2026-03-02T05:00Z', ['2026-04-06T04:00Z']],
    ['0 4 * * 5L', 'UTC', '2026-03-02T05:00Z', ['2026-03-27T04:00Z']],
    ['0 0 29 2 *', 'UTC', '2026-03-02T05:00Z', ['2028-02-29T00:00Z']],
    ['*/20 * * * sun', 'UTC', '2026-03-02T05:00Z', ['2026-03-08T00:00Z', '2026-03-08T00:20Z']],
    ['@weekly', 'UTC', '2026-03-02T05:00Z', ['2026-03-08T00:00Z']],
    // 02:30 was passed over: it runs when clocks land at 03:00.
    ['daily at 02:30', 'Europe/Berlin', '2026-03-28T12:00Z', ['2026-03-29T01:00Z', '2026-03-30T00:30Z']],
    // 02:30 came twice: it runs at the first.
    ['daily at 02:30', 'Europe/Berlin', '2026-10-24T12:00Z', ['2026-10-25T00:30Z', '2026-10-26T01:30Z']],
    // Every hour that passes is one.
    [
      'hourly',
      'Europe/Berlin',
      '2026-10-24T23:10Z',
      ['2026-10-25T00:00Z', '2026-10-25T01:00Z', '2026-10-25T02:00Z'],
    ],
    // Clocks that are put forward by half an hour.
    [
      'daily at 02:15',
      'Australia/Lord_Howe',
      '2026-10-03T12:00Z',
      ['2026-10-03T15:30Z', '2026-10-04T15:15Z'],
    ],
  ])('%s, in %s after %s, runs when it should', (text, zone, from, next) => {
    expect(runs(text, zone, from, next.length)).toEqual(next)
  })

  test.each([
    [
      'dayly at 02:00',
      'has "dayly", where a day ("daily", "monday", "first sunday of the month") is expected; did you mean "daily"?',
    ],
    ['first mondy of the month', 'has "mondy", where "day" or a weekday is expected; did you mean "monday"?'],
    ['daily at 25:00', 'has "25:00", which is not a time of the day (00:00 to 23:59)'],
    ['daily at', 'is cut short: a time of the day such as "02:00" is missing at its end'],
    [
      'every 25 minutes',
      'has "every 25 minutes", which does not divide an hour evenly; the nearest that does is 20',
    ],
    ['every 5 hours', 'has "every 5 hours", which does not divide a day evenly; the nearest that does is 4'],
    ['daily at 02:00 sharp', 'has "sharp", where "at" and a time, or the end, is expected'],
    ['0 2 * *', 'has 4 fields, where cron has five: minute, hour, day of the month, month, day of the week'],
    ['0 24 * * *', 'has "24", which is no hour (0 to 23); the nearest is 23'],
    ['@dayly', 'has "@dayly", which cron does not know; did you mean "@daily"?'],
    ['0 0 30 2 *', 'names a day that never comes'],
    [
      'daily at 02:00 in Europe/Berlinn',
      'has "Europe/Berlinn", which is not a time zone such as Europe/Berlin',
    ],
    ['', 'is empty, where a schedule is expected, such as "daily at 02:00"'],
  ])('says of "%s" what is wrong with it', (text, complaint) => {
    expect(() => parseSchedule(text)).toThrow(complaint)
  })
})

/** The model: looks at every minute, and at what clocks have shown so far. */
function runsByBruteForce(
  schedule: Schedule,
  zone: Zone,
  fromMs: number,
  untilMs: number,
): readonly number[] {
  const found: number[] = []
  const times = new Set(schedule.times)
  const isMeant = (shownMs: number): boolean =>
    isDay(schedule, Math.floor(shownMs / day) * day) && times.has((shownMs % day) / minute)
  let furthest = shownAt(zone, fromMs - minute)
  for (let ms = fromMs; ms <= untilMs; ms += minute) {
    const shown = shownAt(zone, ms)
    let runs = schedule.isEveryHour && isMeant(shown)
    if (!schedule.isEveryHour)
      for (let passed = furthest + minute; passed <= shown; passed += minute) runs ||= isMeant(passed)
    furthest = Math.max(furthest, shown)
    if (runs) found.push(ms)
  }
  return found
}

describe('next and last runs', () => {
  const zones = [
    'UTC',
    'Europe/Berlin',
    'America/Sao_Paulo',
    'Australia/Lord_Howe',
    'Asia/Kathmandu',
    'Pacific/Apia',
    'Africa/Cairo',
  ]
  /** Around which clocks changed in one of them, and others. */
  const days = [
    '2026-03-29',
    '2026-10-25',
    '2018-11-04',
    '2018-02-17',
    '2026-10-03',
    '2026-04-04',
    '2011-12-30',
    '2026-07-01',
    '2024-02-29',
  ]
  const text = fc.oneof(
    fc.constantFrom(
      'hourly',
      'hourly at :30',
      'every 15 minutes',
      'every 2 hours',
      'weekdays at 00:30',
      'last day of the month at 02:00',
    ),
    fc
      .tuple(
        fc.constantFrom('daily', 'sunday', 'saturday and sunday', 'last sunday of the month'),
        fc.nat(4 * 60),
      )
      .map(
        ([when, time]) =>
          `${when} at 0${String(Math.floor(time / 60))}:${String(time % 60).padStart(2, '0')}`,
      ),
    fc
      .tuple(
        fc.constantFrom('0', '*/20', '5,35', '59'),
        fc.constantFrom('*', '2', '*/3', '0-3'),
        fc.constantFrom('*', '29', '1-7'),
        fc.constantFrom('*', '0', '6,0'),
      )
      .map(([minutes, hours, date, weekday]) => `${minutes} ${hours} ${date} * ${weekday}`),
  )

  test('are those that a look at every minute finds', () => {
    fc.assert(
      fc.property(
        text,
        fc.constantFrom(...zones),
        fc.constantFrom(...days),
        fc.nat(1440),
        (words, name, date, offset) => {
          const [schedule, zone] = [parseSchedule(words), zoneOf(name)]
          const fromMs = at(`${date}T00:00Z`) - 30 * hour
          const untilMs = fromMs + 3 * day
          const model = runsByBruteForce(schedule, zone, fromMs, untilMs)
          const found: number[] = []
          for (let ms = fromMs - minute; (ms = nextRun(schedule, zone, ms)) <= untilMs;) found.push(ms)
          expect(found.map(iso)).toEqual(model.map(iso))
          const momentMs = fromMs + day + offset * minute + 1234
          const last = model.findLast(ms => ms <= momentMs)
          if (last !== undefined) expect(iso(lastRun(schedule, zone, momentMs))).toBe(iso(last))
          for (const ms of model) expect(lastRun(schedule, zone, ms)).toBe(ms)
        },
      ),
      { numRuns: 300 },
    )
  })
})
