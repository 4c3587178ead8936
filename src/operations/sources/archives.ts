/** The archive of a repository as one more place to read from. */
import { archiveOf, backupsPrefix, dumpsPrefix } from '../../repository/layout.ts'
import type { Repository } from '../../repository/repository.ts'
import { archiveRepository } from '../../repository/archive-repository.ts'
import { archiveNameOf } from './archive-name.ts'
import type { Source } from './source.ts'

/** Nothing is asked of the storage. */
export function archiveSourceOf(source: Source): Source {
  return {
    ...source,
    name: archiveNameOf(source.name),
    repository: archiveRepository(source.repository),
    storage: { ...source.storage, moved: archiveOf(source.repository.identity.cluster) },
  }
}

export async function holdsAnything(
  { storage, identity }: Repository,
  signal: AbortSignal,
): Promise<boolean> {
  const prefixes = [backupsPrefix(identity.cluster), dumpsPrefix(identity.cluster)]
  const found = await Promise.all(prefixes.map(prefix => hasAny(storage.list(prefix, signal))))
  return found.includes(true)
}

async function hasAny(list: AsyncIterable<unknown>): Promise<boolean> {
  for await (const _ of list) return true
  return false
}
