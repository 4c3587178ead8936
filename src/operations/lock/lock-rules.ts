/** From the configuration to what is locked, and for how long. */
import { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { Config } from '../../config/config.ts'
import { keepsEverything, type RetentionRules } from '../../policy/retention.ts'
import type { Retention } from '../../storage/storage.ts'

export interface LockRules {
  readonly mode: Retention['mode']
  /** What is kept is locked, for as long as it is sure to be kept. */
  readonly retention: RetentionRules
}

/** Of what a repository keeps: its own rules, or those for all. */
export function retentionOf(config: Config, name: string): RetentionRules {
  const { backups, wal, timeZone, minimum } = config.repositories[name]?.retention ?? config.retention
  const { within, ...counts } = backups
  return { ...counts, withinMs: within, walMs: wal, timeZone, minimum }
}

/** Undefined when nothing is locked there. CONFIG_INVALID when the rules would lock everything for ever. */
export function lockRulesOf(config: Config, name: string): LockRules | undefined {
  const lock = config.repositories[name]?.lock
  if (!lock) return undefined
  if (lock.keep !== 'policy')
    return { mode: lock.mode, retention: { withinMs: lock.keep, minimum: 1, timeZone: 'UTC' } }
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

/** How long new objects are locked as they are written: as long as they are sure to be kept, and a day at least. */
export function firstLock({ retention }: LockRules): { readonly backupMs: number; readonly walMs: number } {
  const { withinMs = 0, walMs = withinMs } = retention
  return { backupMs: Math.max(withinMs, limits.lockMsMin), walMs: Math.max(walMs, limits.lockMsMin) }
}
