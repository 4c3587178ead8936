/** Reads `dump.json`, and tells one that is damaged from one that is not there. */
import { Fault } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import { parseDumpRecord } from './format/dump-json.ts'
import type { DumpRecord } from './format/dump-record.ts'
import { dumpCommitName, dumpFolder } from './layout.ts'
import { readWhole } from './objects.ts'
import type { Repository } from './repository.ts'
import { readEach, type DamagedBackup } from './stored-records.ts'

/** Undefined when there is none. */
export async function findDump(
  repository: Repository,
  id: string,
  signal: AbortSignal,
): Promise<DumpRecord | undefined> {
  const { cluster } = repository.identity
  const key = `${dumpFolder(cluster, id)}/${dumpCommitName}`
  const bytes = await readWhole(repository.storage, key, limits.recordSizeBytesMax, signal)
  if (!bytes) return undefined
  const record = parseDumpRecord(bytes, key)
  if (record.id === id && record.cluster === cluster) return record
  throw new Fault('OBJECT_CORRUPT', `${key} is damaged: it is the record of ${record.cluster}/${record.id}`, {
    hint: 'Find out who moved folders inside the repository, and move this one back.',
  })
}

/** One unreadable record must not hide the others. Those that are gone are left out. */
export function readDumpRecords(
  repository: Repository,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly records: readonly DumpRecord[]; readonly damaged: readonly DamagedBackup[] }> {
  return readEach(ids, id => findDump(repository, id, signal))
}
