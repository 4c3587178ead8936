/** Whether what a restore needs at once lies where it can be read at once. */
import type { RepositoryConfig } from '../../config/config.ts'
import type { Storage } from '../../storage/storage.ts'
import { ok, problem, type Finding } from './finding.ts'

/** Only the archive may be cold: who restores from it has time. */
export function checkClasses(
  { thawing, location }: Pick<Storage, 'thawing' | 'location'>,
  { classes }: Pick<RepositoryConfig, 'classes'>,
): readonly Finding[] {
  if (!classes || !thawing) return []
  const kinds = [
    ['wal', 'WAL', 'a restore stops until it is thawed, and so does a standby'],
    ['backup', 'base backups', 'every restore waits for hours'],
    ['dump', 'dumps', 'every restore waits for hours'],
  ] as const
  const cold = kinds.flatMap(([kind, what, cost]) =>
    thawing.isCold(classes[kind])
      ? [
          problem(
            'storage',
            `${what} in ${location} get the class ${classes[kind] ?? ''}, which has to be thawed before it can be read: ${cost}`,
            `Give classes.${kind} one that is read at once, and keep the cold one for classes.archive.`,
          ),
        ]
      : [],
  )
  if (cold.length > 0 || classes.archive === undefined) return cold
  const how = thawing.isCold(classes.archive) ? 'has to be thawed for a restore' : 'is read at once'
  return [ok('storage', `the archive in ${location} lies in ${classes.archive}, which ${how}`)]
}
