/** Whose WAL lies in a pg_wal, as the server's own pg_control tells it: no repository has to be asked. */
import { join } from 'node:path'
import { isFault } from '../../base/fault.ts'
import { readControlFile } from '../../postgres/control-file.ts'
import type { ClusterOfWal } from '../../wal/cluster.ts'

/** Undefined: there is no data directory around it, or it may not be read. */
export async function identityHere(walFolder: string): Promise<ClusterOfWal | undefined> {
  try {
    const { control } = await readControlFile(join(walFolder, '..'))
    const { systemIdentifier, walSegmentSizeBytes } = control
    return { systemIdentifier, walSegmentSizeBytes }
  } catch (error) {
    if (!isFault(error)) throw error
    return undefined
  }
}
