/** What lies in a repository by kind of backup: how many, how large, and the newest of each. */
import type { BackupSummary } from '../../repository/format/backup-summary.ts'
import type { DumpSummary } from '../../repository/format/dump-summary.ts'
import type { ManagedPresence } from '../managed/presence.ts'
import type { SeenPlace } from './facts.ts'

export interface KindStatus {
  readonly kind: 'full' | 'incremental' | 'snapshot' | 'dump' | 'managed'
  readonly count: number
  /** Of all of them. Null where their bytes lie with a vendor. */
  readonly storedBytes: number | null
  readonly newest: {
    readonly id: string
    readonly endedAt: string
    readonly durationSeconds: number
    /** Before compression. */
    readonly rawBytes: number | null
    readonly storedBytes: number | null
    /** Null where pages are not checked. */
    readonly pagesCorrupt: number | null
  }
}

export interface StoredWalStatus {
  readonly files: number
  readonly storedBytes: number
}

export function kindsOf({
  backups,
  dumps = [],
  managed,
}: Pick<SeenPlace, 'backups' | 'dumps' | 'managed'>): readonly KindStatus[] {
  const items = [...backups.map(ofBackup), ...dumps.map(ofDump), ...(managed ?? []).map(ofManaged)]
  return [...Map.groupBy(items, ({ kind }) => kind)].map(([kind, all]) => {
    const sizes = all.map(({ storedBytes }) => storedBytes).filter(size => size !== null)
    const { kind: _, ...newest } = all.reduce((best, each) => (best.endedAt >= each.endedAt ? best : each))
    return {
      kind,
      count: all.length,
      storedBytes: sizes.length === 0 ? null : sizes.reduce((sum, size) => sum + size, 0),
      newest,
    }
  })
}

export function storedWalOf({ wal }: Pick<SeenPlace, 'wal'>): StoredWalStatus {
  let storedBytes = 0
  for (const { sizeBytes } of wal.values()) storedBytes += sizeBytes
  return { files: wal.size, storedBytes }
}

type Item = KindStatus['newest'] & Pick<KindStatus, 'kind'>

const ofBackup = ({ id, kind, endedAt, durationMs, sizes, checks }: BackupSummary): Item => ({
  ...{ id, kind, endedAt },
  durationSeconds: durationMs / 1000,
  rawBytes: sizes.rawBytes,
  storedBytes: sizes.storedBytes,
  pagesCorrupt: kind === 'snapshot' ? null : checks.pagesCorrupt,
})

const ofDump = ({
  id,
  endedAt,
  durationMs,
  sizes,
}: Pick<DumpSummary, 'id' | 'endedAt' | 'durationMs' | 'sizes'>): Item => ({
  ...{ id, kind: 'dump', endedAt },
  durationSeconds: durationMs / 1000,
  rawBytes: sizes.rawBytes,
  storedBytes: sizes.storedBytes,
  pagesCorrupt: null,
})

const ofManaged = ({
  record: { id, endedAt, durationMs, sizeBytes },
}: Pick<ManagedPresence, 'record'>): Item => ({
  ...{ id, kind: 'managed', endedAt },
  durationSeconds: durationMs / 1000,
  rawBytes: sizeBytes,
  storedBytes: null,
  pagesCorrupt: null,
})
