/** Ids of whatever the catalogue has: base backups, dumps, snapshots of managed servers. */
import { readCatalog } from '../repository/catalog.ts'
import { readDumps } from '../repository/dump-catalog.ts'
import { readAllManaged } from '../repository/managed-records.ts'
import type { Repository } from '../repository/repository.ts'

export async function knownIds(repository: Repository, signal: AbortSignal): Promise<readonly string[]> {
  const [{ backups }, { dumps }, { records }] = await Promise.all([
    readCatalog(repository, signal),
    readDumps(repository, signal),
    readAllManaged(repository, signal),
  ])
  return [...backups, ...dumps, ...records].map(({ id }) => id)
}
