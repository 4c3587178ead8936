/**
 * WAL that a repository should have and has not: what its own backups need, and holes between what it has. What is newer than
 * its newest file is no damage: it is behind, and a copy brings that.
 */
import { isFault } from '../../base/fault.ts'
import type { BackupSummary } from '../../repository/format/backup-summary.ts'
import { walKey } from '../../repository/layout.ts'
import { namesOfBackup } from '../copy/backup-wal.ts'
import { readHoldings, type StoredWal } from '../copy/holdings.ts'
import type { CopySide } from '../copy/sides.ts'
import type { WalDamage } from './report.ts'

interface Holding {
  readonly wal: ReadonlyMap<string, StoredWal>
  readonly backups: readonly BackupSummary[]
}

export async function lackingWal(
  target: CopySide,
  sources: () => AsyncIterable<CopySide>,
  held: Holding,
  signal: AbortSignal,
): Promise<readonly WalDamage[]> {
  const { identity } = target.repository
  const lacking = new Map<string, string>()
  const suffix = target.recipients.length > 0 ? '.zst.age' : '.zst'
  for (const backup of held.backups)
    for (const name of namesOfBackup(backup, identity.walSegmentSizeBytes))
      if (!held.wal.has(name)) lacking.set(name, walKey(identity.cluster, name, suffix))
  const spans = spansOf(held.wal.keys())
  for await (const side of sources()) {
    for (const { name, key } of await walOf(side, signal))
      if (!held.wal.has(name) && isWithin(name, spans)) lacking.set(name, key)
  }
  return [...lacking].map(([name, key]) => ({
    kind: 'wal',
    key,
    name,
    sha256: undefined,
    found: 'missing',
    message: 'it is missing',
  }))
}

/** A repository that can not be reached has nothing to tell. */
async function walOf({ repository }: CopySide, signal: AbortSignal): Promise<Iterable<StoredWal>> {
  try {
    return (await readHoldings(repository, {}, signal)).wal.values()
  } catch (error) {
    signal.throwIfAborted()
    if (isFault(error)) return []
    throw error
  }
}

/** First and last name of each timeline. */
type Spans = ReadonlyMap<string, readonly [first: string, last: string]>

function spansOf(names: Iterable<string>): Spans {
  const spans = new Map<string, readonly [string, string]>()
  for (const name of [...names].filter(isSegment).sort()) {
    const timeline = name.slice(0, 8)
    spans.set(timeline, [spans.get(timeline)?.[0] ?? name, name])
  }
  return spans
}

/** A history belongs to its timeline: without it nobody gets there. */
function isWithin(name: string, spans: Spans): boolean {
  const span = spans.get(name.slice(0, 8))
  if (!span) return false
  return !isSegment(name) || (name > span[0] && name < span[1])
}

const isSegment = (name: string): boolean => /^[0-9A-F]{24}$/.test(name)
