/** Whether a lock has to be extended now. Pure. */
import { hour } from '../../base/units.ts'
import type { LockTime } from './lock-times.ts'

/** Times that are told from the pace of backups change a little each day: that is not worth a request for each object. */
const slackPart = 0.1
const slackMsMin = 1 * hour
/** What goes on with the clock is locked anew when so much of its time is over. */
const openPart = 0.5

/** `lockedUntilMs`: as far as it is known; undefined when it is not. */
export function isDue(
  { untilMs, isOpen }: Pick<LockTime, 'untilMs' | 'isOpen'>,
  lockedUntilMs: number | undefined,
  nowMs: number,
): boolean {
  if (untilMs <= nowMs) return false
  if (lockedUntilMs === undefined || lockedUntilMs <= nowMs) return true
  const slackMs = Math.max(slackMsMin, (untilMs - nowMs) * (isOpen ? openPart : slackPart))
  return untilMs - lockedUntilMs > slackMs
}
