/** From the configuration to what is locked, and for how long. */
import { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { Config } from '../../config/config.ts'
import { keepsEverything, type KeepRules } from '../../policy/keep-rules.ts'
import type { RetentionRules } from '../../policy/retention.ts'
import type { Retention } from '../../storage/storage.ts'

export interface LockRules {
  readonly mode: Retention['mode']
  /** What is kept is locked, for as long as it is sure to be kept. */
  readonly retention: RetentionRules
}

/** Of what a repository keeps: its own rules, or those for all. */
export function retentionOf(config: Config, name: string): RetentionRules {
  const { backups, snapshots, dumps, drills, wal, timeZone, minimum } =
    config.repositories[name]?.retention ?? config.retention
  return {
    ...keepRulesOf(backups),
    snapshots: keepRulesOf(snapshots),
    dumps: keepRulesOf(dumps),
    drills: keepRulesOf(drills),
    walMs: wal,
    timeZone,
    minimum,
  }
}

function keepRulesOf({ within, ...counts }: Config['retention']['backups']): KeepRules {
  return { ...counts, withinMs: within }
}

/** Undefined when nothing is locked there. CONFIG_INVALID when the rules would lock everything for ever. */
export function lockRulesOf(config: Config, name: string): LockRules | undefined {
  const lock = config.repositories[name]?.lock
  if (!lock) return undefined
  if (lock.keep !== 'policy') return { mode: lock.mode, retention: keptFor(lock.keep) }
  const retention = retentionOf(config, name)
  if (!keepsEverything(retention)) return { mode: lock.mode, retention }
  throw new Fault(
    'CONFIG_INVALID',
    `repositories.${name}.lock says keep: policy, and retention.backups says nothing: everything would be locked for ever`,
    {
      hint: 'Say in retention.backups what is kept (for example within: 30d), or give the lock a duration (keep: 30d).',
    },
  )
}

function keptFor(withinMs: number): RetentionRules {
  return { withinMs, dumps: { withinMs }, minimum: 1, timeZone: 'UTC' }
}

/**
 * How long new objects are locked as they are written: as long as they are sure to be kept, and a day at least. Dumps no
 * longer than that: one that fails leaves nothing, and one that is committed is locked as long as it is kept at once.
 */
export function firstLock({ retention }: LockRules): {
  readonly backupMs: number
  readonly walMs: number
  readonly dumpMs: number
} {
  const { withinMs = 0, walMs = withinMs } = retention
  const { lockMsMin } = limits
  return { backupMs: Math.max(withinMs, lockMsMin), walMs: Math.max(walMs, lockMsMin), dumpMs: lockMsMin }
}
