/**
 * The longest that the rules could ever ask for a lock. Who steals a writer's keys could else lock rubbish for a century, and
 * nobody could delete it before. Decides only.
 */
import { limits } from '../../base/limits.ts'
import { day, hour, type KeepSpan } from '../../base/units.ts'
import type { KeepRules } from '../keep-rules.ts'

/** Pauses between backups stretch what is counted in days that have one, and what all need is locked for half as long again. */
const marginFactor = 2
const marginDays = 30

/** In days; undefined: the rules say no time (`last`). */
export function lockDaysMax(
  rules: readonly KeepRules[],
  walMs: number | undefined,
  archived: readonly KeepSpan[],
): number | undefined {
  if (rules.some(({ last }) => last !== undefined)) return undefined
  const longest = Math.max(
    limits.lockMsMin / day,
    (walMs ?? 0) / day,
    ...rules.map(daysOfRules),
    ...archived.map(daysOfSpan),
  )
  return Math.ceil(marginFactor * longest + marginDays)
}

function daysOfRules(rules: KeepRules): number {
  const { withinMs = 0, hourly = 0, daily = 0, weekly = 0, monthly = 0, yearly = 0 } = rules
  return Math.max(withinMs / day, (hourly * hour) / day, daily, 7 * weekly, 31 * monthly, 366 * yearly)
}

function daysOfSpan(span: KeepSpan): number {
  if (span === 'forever') return limits.lockEndlessMs / day
  const { years = 0, months = 0, days = 0 } = span
  return 366 * years + 31 * months + days
}
