/** The archive in a repository, seen as a repository of its own. */
import { withMoved } from '../storage/with-moved.ts'
import { archiveOf } from './layout.ts'
import type { Repository } from './repository.ts'

/** Nothing is asked of the storage. */
export function archiveRepository(repository: Repository): Repository {
  const { storage, identity } = repository
  return { ...repository, storage: withMoved(storage, archiveOf(identity.cluster)) }
}
