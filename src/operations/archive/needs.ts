/** What a base backup needs to stand alone: what it is based on, and the WAL that makes it consistent. */
import { Fault } from '../../base/fault.ts'
import type { BackupSummary } from '../../repository/format/backup-summary.ts'
import { walKey, walNameOf, walPrefix } from '../../repository/layout.ts'
import type { Repository } from '../../repository/repository.ts'
import { historyName } from '../../wal/segment.ts'
import { namesOfBackup } from '../copy/backup-wal.ts'
import type { InsideObject } from './copy-inside.ts'

/** The full backup first, this one last; undefined when the chain is broken. */
export function chainIn<Summary extends BackupSummary>(
  backup: Summary,
  backups: readonly Summary[],
): readonly Summary[] | undefined {
  const chain = [backup]
  for (let first = backup; first.parent !== null;) {
    const parent = backups.find(({ id }) => id === first.parent)
    if (!parent || chain.includes(parent)) return undefined
    chain.unshift(parent)
    first = parent
  }
  return chain
}

export interface WalNeeds {
  readonly files: readonly InsideObject[]
  /** Names of segments that are not there. */
  readonly lacking: readonly string[]
}

/** From the first segment to the last, and where its timeline comes from. */
export async function walOf(
  { storage, identity }: Repository,
  backup: BackupSummary,
  signal: AbortSignal,
): Promise<WalNeeds> {
  const { cluster, walSegmentSizeBytes } = identity
  const wanted = new Set(namesOfBackup(backup, walSegmentSizeBytes))
  const found = new Map<string, InsideObject>()
  const prefix = `${walPrefix(cluster)}${backup.startWal.slice(0, 8)}/`
  // Without its suffix the key comes before both forms of the object.
  const after = walKey(cluster, backup.startWal, '')
  for await (const { key, sizeBytes } of storage.list({ prefix, after }, signal)) {
    const name = walNameOf(cluster, key)
    if (name === undefined) continue
    if (name.slice(0, 24) > backup.stopWal) break
    if (wanted.has(name) && !found.has(name)) found.set(name, { key, sizeBytes, sha256: undefined })
  }
  const history = backup.timeline > 1 ? await historyOf({ storage, identity }, backup.timeline, signal) : []
  return {
    files: [...history, ...found.values()],
    lacking: [...wanted].filter(name => !found.has(name)),
  }
}

async function historyOf(
  { storage, identity }: Pick<Repository, 'storage' | 'identity'>,
  timeline: number,
  signal: AbortSignal,
): Promise<readonly InsideObject[]> {
  for (const suffix of ['.zst.age', '.zst']) {
    const key = walKey(identity.cluster, historyName(timeline), suffix)
    const info = await storage.stat(key, signal)
    if (info) return [{ key, sizeBytes: info.sizeBytes, sha256: undefined }]
  }
  return []
}

export function lackingWal(id: string, [first, ...more]: readonly string[]): Fault {
  const others = more.length === 0 ? '' : ` and ${String(more.length)} more`
  return new Fault(
    'OBJECT_MISSING',
    `${id} needs WAL segment ${first ?? ''}${others}, not in the repository`,
    {
      hint: 'Run `holdfast repair` with a repository that has it; without it the backup can not be restored.',
    },
  )
}
