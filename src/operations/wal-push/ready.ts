/** What waits to be archived: PostgreSQL's own list of it, in pg_wal/archive_status. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { walFilesInOrder } from './owed.ts'

/** In the order in which the archiver will ask for them. Empty where the folder is not PostgreSQL's. */
export async function listReady(walFolder: string): Promise<readonly string[]> {
  const names = await readdir(join(walFolder, 'archive_status')).catch(() => [])
  const ready = names.filter(name => name.endsWith('.ready')).map(name => name.slice(0, -'.ready'.length))
  return walFilesInOrder(ready)
}
