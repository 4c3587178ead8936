/** What a repository holds, by kind and size, and what a month brings: told by its storage, not by the catalogue, since bills are. */
import { limits } from '../../base/limits.ts'
import { day } from '../../base/units.ts'
import type { CostKind, SizeBucket, StoredKind } from '../../policy/cost/monthly-cost.ts'
import { archiveRecordPatterns } from '../../repository/layout.ts'
import { readCatalog } from '../../repository/catalog.ts'
import type { BackupSummary } from '../../repository/format/backup-summary.ts'
import type { Repository } from '../../repository/repository.ts'
import { ruleMatcher } from '../../storage/object-rules.ts'
import type { ObjectInfo } from '../../storage/storage.ts'

export type Stored = Omit<StoredKind, 'keptMs'>

const month = 30 * day

interface Tally {
  readonly buckets: Map<number, { objects: number; bytes: number }>
  written: { objects: number; bytes: number; requests: number }
  restored: { bytes: number; requests: number }
}

/** One listing, a page of keys at a time. */
export async function measureStored(
  repository: Repository,
  nowMs: number,
  signal: AbortSignal,
): Promise<readonly Stored[]> {
  const { storage, identity } = repository
  const needs = needsOfRestore((await readCatalog(repository, signal)).backups)
  const kindOf = kindsIn(identity.cluster)
  const tallies = new Map<CostKind, Tally>()
  let oldestMs = nowMs
  for await (const info of storage.list(`${identity.cluster}/`, signal)) {
    const kind = kindOf(info.key)
    const tally = tallies.get(kind) ?? emptyTally()
    tallies.set(kind, tally)
    oldestMs = Math.min(oldestMs, info.modifiedMs)
    count(tally, info, { isNew: info.modifiedMs > nowMs - month, isRead: needs(kind, info) })
  }
  // What is younger than a month tells of its days only; of less than one, nothing can be foreseen.
  const share = Math.min(1, Math.max(nowMs - oldestMs, day) / month)
  return kinds.flatMap(kind => {
    const tally = tallies.get(kind)
    return tally ? [storedOf(kind, tally, share)] : []
  })
}

const kinds: readonly CostKind[] = ['backups', 'wal', 'dumps', 'archive', 'records']

function kindsIn(cluster: string): (key: string) => CostKind {
  const isArchiveRecord = ruleMatcher(archiveRecordPatterns.map(pattern => ({ pattern })))
  const folders: Readonly<Record<string, CostKind>> = {
    backups: 'backups',
    wal: 'wal',
    dumps: 'dumps',
    archive: 'archive',
  }
  return key => {
    const kind = folders[key.slice(cluster.length + 1).split('/')[0] ?? ''] ?? 'records'
    return kind === 'archive' && isArchiveRecord(key) ? 'records' : kind
  }
}

/** The newest backup with those that it stands on, and the WAL since it was begun. */
function needsOfRestore(backups: readonly BackupSummary[]): (kind: CostKind, info: ObjectInfo) => boolean {
  const stored = backups.filter(({ kind }) => kind !== 'snapshot')
  const byId = new Map(stored.map(backup => [backup.id, backup]))
  const newest = stored.at(-1)
  const chain = new Set<string>()
  for (let one = newest; one && !chain.has(one.id); one = byId.get(one.parent ?? '')) chain.add(one.id)
  return (kind, { key, modifiedMs }) => {
    if (kind === 'backups') return chain.has(key.split('/')[2] ?? '')
    return kind === 'wal' && newest !== undefined && modifiedMs >= Date.parse(newest.startedAt)
  }
}

function count(
  tally: Tally,
  { sizeBytes }: ObjectInfo,
  { isNew, isRead }: { readonly isNew: boolean; readonly isRead: boolean },
): void {
  const upToBytes = 2 ** Math.ceil(Math.log2(Math.max(1, sizeBytes)))
  const bucket = tally.buckets.get(upToBytes) ?? { objects: 0, bytes: 0 }
  bucket.objects++
  bucket.bytes += sizeBytes
  tally.buckets.set(upToBytes, bucket)
  // Large ones are written and read in parts, each a request of its own.
  const requests = Math.max(1, Math.ceil(sizeBytes / limits.objectPartSizeBytes))
  if (isNew) {
    tally.written.objects++
    tally.written.bytes += sizeBytes
    tally.written.requests += requests
  }
  if (isRead) {
    tally.restored.bytes += sizeBytes
    tally.restored.requests += requests
  }
}

const emptyTally = (): Tally => ({
  buckets: new Map(),
  written: { objects: 0, bytes: 0, requests: 0 },
  restored: { bytes: 0, requests: 0 },
})

function storedOf(kind: CostKind, { buckets, written, restored }: Tally, share: number): Stored {
  const sizes: readonly SizeBucket[] = [...buckets].map(([upToBytes, bucket]) => ({ upToBytes, ...bucket }))
  return {
    kind,
    sizes: sizes.toSorted((a, b) => a.upToBytes - b.upToBytes),
    written: {
      objects: Math.round(written.objects / share),
      bytes: Math.round(written.bytes / share),
      requests: Math.round(written.requests / share),
    },
    restored,
  }
}
