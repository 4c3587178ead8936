/** How far a restored data directory goes, from what the server left in it: on each timeline that led to its last one. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault, errnoOf, messageOf } from '../../base/fault.ts'
import type { ReachedPoints } from '../../policy/erasures.ts'
import { parseHistory } from '../../wal/timeline.ts'
import { historyName } from '../../wal/segment.ts'

/**
 * The timeline that it is on now counts for nothing: it began with the restore, and whatever happened on it happened to the
 * copy.
 */
export async function reachedOf(directory: string, timeline: number): Promise<ReachedPoints> {
  const path = join(directory, 'pg_wal', historyName(timeline))
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return '' // Of the first one, or cleared away: then nothing is known.
    throw new Fault('DATA_DIRECTORY', `${path} can not be read: ${messageOf(error)}`, {
      hint: 'Run as the owner of the data directory, or as root.',
      cause: error,
    })
  })
  return (parseHistory(text) ?? []).map(({ timeline: left, endLsn }) => ({ timeline: left, lsn: endLsn }))
}
