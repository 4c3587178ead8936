/** What the storage would not let go: a lock is a reason to keep something, since half of a backup is worth nothing. */
import { isFault } from '../../base/fault.ts'
import { inParallel } from '../../base/in-parallel.ts'
import { limits } from '../../base/limits.ts'
import { formatTime } from '../../base/units.ts'
import type { KeepReason } from '../../policy/keep-rules.ts'
import { findDrill } from '../../repository/drill-catalog.ts'
import { objectsOfDump } from '../../repository/dump-catalog.ts'
import { findDump } from '../../repository/stored-dumps.ts'
import {
  backupFolder,
  commitName,
  drillCommitName,
  drillFolder,
  dumpCommitName,
  dumpFolder,
  managedKey,
} from '../../repository/layout.ts'
import type { Repository } from '../../repository/repository.ts'
import { readRecord } from '../../repository/stored-records.ts'
import type { ExpireItem } from './plan.ts'

/** By id; only of what is locked. Where nothing can be locked, nothing is asked. */
export async function lockedReasons(
  repository: Repository,
  candidates: readonly ExpireItem[],
  nowMs: number,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, KeepReason>> {
  const found = new Map<string, KeepReason>()
  if (candidates.length === 0 || !(await mayHaveLocks(repository, signal))) return found
  for (const item of candidates) {
    const untilMs = await lockedUntilMs(repository, await keysOf(repository, item, signal), signal)
    if (untilMs <= nowMs) continue
    const text = `locked until ${formatTime(untilMs)}`
    found.set(item.id, { rule: 'locked', text, untilMs, isSure: true })
  }
  return found
}

export async function mayHaveLocks({ storage }: Repository, signal: AbortSignal): Promise<boolean> {
  return (await storage.traits(signal)).lockable !== false
}

/** The latest time of all of them, the record first; 0: none is locked. */
export async function lockedUntilMs(
  { storage }: Repository,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  let latestMs = 0
  const look = async (key: string, stop: AbortSignal): Promise<void> => {
    const untilMs = (await storage.stat(key, stop))?.retainedUntilMs ?? 0
    latestMs = Math.max(latestMs, untilMs)
  }
  const [record, ...more] = keys
  if (record !== undefined) await look(record, signal)
  try {
    await inParallel(more, limits.lockParallel, look, signal)
  } catch (error) {
    // A keeper may not look at data. All of a backup is locked together, so its record tells.
    if (!isFault(error, 'STORAGE_DENIED')) throw error
  }
  return latestMs
}

async function keysOf(
  repository: Repository,
  { id, kind }: ExpireItem,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { cluster } = repository.identity
  if (kind === 'managed') return [managedKey(cluster, id)]
  try {
    if (kind === 'dump') {
      const record = await findDump(repository, id, signal)
      const names = record ? objectsOfDump(record).map(({ name }) => name) : []
      return [dumpCommitName, ...names].map(name => `${dumpFolder(cluster, id)}/${name}`)
    }
    if (kind === 'drill') {
      const record = await findDrill(repository, id, signal)
      const names = record ? [record.report.name, record.page.name] : []
      return [drillCommitName, ...names].map(name => `${drillFolder(cluster, id)}/${name}`)
    }
    const record = await readRecord(repository, id, commitName, signal)
    const objects = record ? [...record.packs, record.manifest, record.backupManifest] : []
    return [commitName, ...objects.map(({ name }) => name)].map(
      name => `${backupFolder(cluster, id)}/${name}`,
    )
  } catch (error) {
    if (isFault(error, 'OBJECT_CORRUPT')) return []
    throw error
  }
}
