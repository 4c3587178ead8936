/** What is held, as reasons to keep it. */
import { formatTime } from '../base/units.ts'
import type { KeepReason, MoreReasons } from '../policy/keep-rules.ts'
import { readHolds } from '../repository/holds.ts'
import type { Repository } from '../repository/repository.ts'

export async function heldReasons(
  repository: Repository,
  nowMs: number,
  signal: AbortSignal,
): Promise<MoreReasons> {
  const holds = await readHolds(repository, nowMs, signal)
  return new Map(
    [...holds.values()].map(({ id, reason, until }) => {
      const untilMs = until === null ? undefined : Date.parse(until)
      const how = untilMs === undefined ? 'held' : `held until ${formatTime(untilMs)}`
      const held: KeepReason = { rule: 'held', text: `${how}: ${reason}`, untilMs, isSure: true }
      return [id, [held]]
    }),
  )
}
