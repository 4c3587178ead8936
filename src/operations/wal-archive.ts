/** Reads what the decisions of src/policy want to know of a repository's WAL and backups. Needs no key. */
import { assert } from '../base/assert.ts'
import { Fault, isFault, type FaultCode } from '../base/fault.ts'
import { archiveOf, type Archive } from '../policy/archive.ts'
import type { BackupFacts } from '../policy/backup-facts.ts'
import type { BackupSummary } from '../repository/format/backup-summary.ts'
import type { WalEntry } from '../repository/wal-list.ts'
import type { WalStore } from '../repository/wal-store.ts'
import { parseLsn, type Lsn } from '../wal/lsn.ts'
import { classifyWalFile } from '../wal/segment.ts'
import { parseTime, type Micros } from '../wal/time.ts'
import type { TimelineSwitch } from '../wal/timeline.ts'

/**
 * Lists the WAL, and reads where each timeline comes from out of the heads of the history files. Histories with the
 * faults of `passOver` are taken for absent.
 */
export async function readArchive(
  wal: Pick<WalStore, 'list' | 'head'>,
  segmentSizeBytes: number,
  signal: AbortSignal,
  how: { readonly passOver?: readonly FaultCode[] } = {},
): Promise<Archive> {
  const files = await Array.fromAsync(wal.list(undefined, signal))
  return archiveOf(files, await readHistories(wal, files, signal, how), segmentSizeBytes)
}

/** By timeline. Histories with the faults of `passOver` are taken for absent. */
export async function readHistories(
  wal: Pick<WalStore, 'head'>,
  files: readonly WalEntry[],
  signal: AbortSignal,
  { passOver = [] }: { readonly passOver?: readonly FaultCode[] } = {},
): Promise<ReadonlyMap<number, readonly TimelineSwitch[]>> {
  const histories = new Map<number, readonly TimelineSwitch[]>()
  for (const { name } of files) {
    const known = classifyWalFile(name)
    if (known?.kind !== 'history') continue
    const history = await readHistory(wal, name, signal).catch((error: unknown) => {
      if (passOver.length > 0 && isFault(error, ...passOver)) return undefined
      throw error
    })
    if (history) histories.set(known.timeline, history)
  }
  return histories
}

async function readHistory(
  wal: Pick<WalStore, 'head'>,
  name: string,
  signal: AbortSignal,
): Promise<readonly TimelineSwitch[]> {
  const head = await wal.head(name, signal)
  if (!head?.ancestors) throw withoutAncestors(name)
  return head.ancestors.map(({ timeline, endLsn }) => ({ timeline, endLsn: lsnOf(endLsn), reason: '' }))
}

export function factsOf(record: BackupSummary): BackupFacts {
  return {
    id: record.id,
    kind: record.kind,
    parent: record.parent ?? undefined,
    timeline: record.timeline,
    startLsn: lsnOf(record.startLsn),
    stopLsn: lsnOf(record.stopLsn),
    startedAt: timeOf(record.startedAt),
    endedAt: timeOf(record.endedAt),
    isDamaged: record.checks.pagesCorrupt > 0,
    rawBytes: record.sizes.rawBytes,
    storedBytes: record.sizes.storedBytes,
  }
}

function lsnOf(text: string): Lsn {
  const lsn = parseLsn(text)
  assert(lsn !== undefined, 'records were checked when they were read')
  return lsn
}

function timeOf(text: string): Micros {
  const time = parseTime(text)
  assert(time !== undefined, 'records were checked when they were read')
  return time
}

function withoutAncestors(name: string): Fault {
  return new Fault('OBJECT_CORRUPT', `${name} does not tell in its head which timelines it comes from`, {
    hint: 'Push the history file again from pg_wal of the server, into a repository that does not have it yet.',
  })
}
