/** `hold`: keeps a backup from expiring until a time, or until it is released; and says what is held. */
import { Fault } from '../base/fault.ts'
import { toolName } from '../base/version.ts'
import type { World } from '../base/world.ts'
import { knownIds } from './known-ids.ts'
import type { HoldRecord } from '../repository/format/hold-record.ts'
import { readHold, isHeld, writeHold } from '../repository/holds.ts'
import { acquireLease, leaseOwner } from '../repository/lease.ts'
import type { Repository } from '../repository/repository.ts'

export interface HoldWish {
  readonly id: string
  /** False: it is released. */
  readonly held: boolean
  readonly reason: string
  /** Undefined: until it is released. */
  readonly untilMs: number | undefined
  readonly by: string
}

/**
 * Undefined when there is nothing to release. BACKUP_NOT_FOUND when it is not there (any more): nothing expires while this
 * looks and writes.
 */
export async function changeHold(
  repository: Repository,
  { id, held, reason, untilMs, by }: HoldWish,
  world: World,
  signal: AbortSignal,
): Promise<HoldRecord | undefined> {
  const nowMs = world.clock.now()
  await using lease = await acquireLease(repository, 'expire', await leaseOwner('hold'), world, signal)
  const stop = AbortSignal.any([signal, lease.lost])
  const before = await readHold(repository, id, stop)
  if (!held && (!before || !isHeld(before, nowMs))) return undefined
  if (held && !(await knownIds(repository, stop)).includes(id))
    throw new Fault('BACKUP_NOT_FOUND', `${id} is not in ${repository.storage.location} (any more)`, {
      hint: 'Run holdfast list to see what is there.',
    })
  const until = untilMs === undefined ? null : new Date(untilMs).toISOString()
  const at = new Date(nowMs).toISOString()
  return await writeHold(repository, { id, held, reason, until, at, by, tool: toolName }, stop)
}
