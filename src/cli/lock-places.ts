/** Locks what a repository holds by its rules, and what lies in its archive by the notes there. */
import { extendLocks, type LockOptions } from '../operations/lock/extend-locks.ts'
import { lockRulesOf } from '../operations/lock/lock-rules.ts'
import { archiveNameOf, isArchiveName, repositoryOf } from '../operations/sources/archive-name.ts'
import { holdsAnything } from '../operations/sources/archives.ts'
import { archiveRepository } from '../repository/archive-repository.ts'
import type { CommandContext } from './context.ts'
import type { LocksOfRepository } from './describe-locks.ts'
import { volumeLocker } from './lock-volumes.ts'

export type LockContext = Pick<
  CommandContext,
  'config' | 'openRepository' | 'world' | 'progress' | 'log' | 'signal' | 'terminal'
>

/** `place`: a repository, with its archive if there is one, or an archive alone. Nothing where the configuration has no `lock`. */
export async function lockPlaces(
  context: LockContext,
  place: string,
  options: LockOptions,
): Promise<readonly LocksOfRepository[]> {
  const { world, progress, log, signal } = context
  const name = repositoryOf(place)
  const { repository } = await context.openRepository(name)
  const rules = lockRulesOf((await context.config()).config, name)
  if (!rules) return []
  const archive = archiveRepository(repository)
  const deps = { world, progress, log }
  const reports: LocksOfRepository[] = []
  if (!isArchiveName(place)) {
    const own = { ...deps, repository, rules, lockVolumes: volumeLocker(context) }
    reports.push({ repository: name, ...(await extendLocks(own, options, signal)) })
  }
  if (isArchiveName(place) || (await holdsAnything(archive, signal))) {
    const kept = { mode: rules.mode, retention: 'archive' as const }
    const own = { ...deps, repository: archive, around: repository, rules: kept }
    reports.push({ repository: archiveNameOf(name), ...(await extendLocks(own, options, signal)) })
  }
  return reports
}
