/** What newly written objects are given, by where they lie: a class, tags, a lock. */
import type { RepositoryConfig } from '../config/config.ts'
import { objectKinds, type ObjectKind } from '../config/object-storage.ts'
import {
  archiveRecordPatterns,
  awaitingPattern,
  erasurePattern,
  objectPatterns,
} from '../repository/layout.ts'
import type { ObjectRule } from '../storage/open.ts'
import { firstLock, type LockRules } from './lock/lock-rules.ts'

/**
 * One rule for each kind of object that has something of its own, and one for everything. Only backups, dumps, WAL and requests
 * to forget are locked: leases, notes and the index of the catalogue come and go.
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
  // What has to be read before anything can be thawed stays where it can be read.
  const records =
    classes?.archive === undefined ? [] : archiveRecordPatterns.map(pattern => ({ pattern, tags }))
  // Whoever has them deleted brings people back who asked to be forgotten. As backups: a restore of any needs them.
  const lock = lockRules && lockOf('backup', lockRules)
  const erasures = lock ? [{ pattern: erasurePattern, tags, lock }] : []
  const all = [...awaiting, ...records, ...ofKinds, ...erasures]
  return tags ? [...all, { pattern: '**', tags }] : all
}

function lockOf(kind: ObjectKind, rules: LockRules): ObjectRule['lock'] {
  const { backupMs, dumpMs, walMs } = firstLock(rules)
  const { mode } = rules
  if (kind === 'backup') return { mode, forMs: backupMs }
  if (kind === 'dump') return { mode, forMs: dumpMs }
  return kind === 'wal' ? { mode, forMs: walMs } : undefined
}
