/** What newly written objects are given, by where they lie: a class, tags, a lock. */
import type { RepositoryConfig } from '../config/config.ts'
import { objectKinds, type ObjectKind } from '../config/object-storage.ts'
import { awaitingPattern, objectPatterns } from '../repository/layout.ts'
import type { ObjectRule } from '../storage/open.ts'
import { firstLock, type LockRules } from './lock/lock-rules.ts'

/**
 * One rule for each kind of object that has something of its own, and one for everything. Only backups and WAL are
 * locked: leases, notes and the index of the catalogue come and go.
 */
export function storageRules(
  { classes, tags }: Pick<RepositoryConfig, 'classes' | 'tags'>,
  lockRules: LockRules | undefined,
): readonly ObjectRule[] {
  const ofKinds = objectKinds.flatMap(kind => {
    const storageClass = classes?.[kind]
    const lock = lockRules && lockOf(kind, lockRules)
    return storageClass === undefined && !lock
      ? []
      : [{ pattern: objectPatterns[kind], storageClass, tags, lock }]
  })
  // It is deleted when the backup has its WAL, whatever else of the backup is locked.
  const awaiting = lockRules ? [{ pattern: awaitingPattern, storageClass: classes?.backup, tags }] : []
  const all = [...awaiting, ...ofKinds]
  return tags ? [...all, { pattern: '**', tags }] : all
}

function lockOf(kind: ObjectKind, rules: LockRules): ObjectRule['lock'] {
  const { backupMs, walMs } = firstLock(rules)
  if (kind === 'backup') return { mode: rules.mode, forMs: backupMs }
  return kind === 'wal' ? { mode: rules.mode, forMs: walMs } : undefined
}
