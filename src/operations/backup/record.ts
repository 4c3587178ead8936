/** Puts `backup.json` together from what is known when everything but the WAL is in the repository. */
import type { Encoding } from '../../pipeline/codec.ts'
import type { BackupRecord, StoredObjectRecord } from '../../repository/format/backup-record.ts'
import { formatLsn } from '../../wal/lsn.ts'
import type { Copy } from './copy.ts'
import type { FilesToCopy } from './files.ts'
import type { BackupSource } from './source.ts'

/** What the record tells of a copy. */
export type RecordedCopy = Pick<Copy, 'id' | 'packs' | 'session' | 'end' | 'stopWal' | 'startedMs'> & {
  readonly files: Pick<FilesToCopy, 'tablespaces' | 'warnings'>
  readonly report: BackupRecord['checks']
}

export interface RecordParts {
  readonly cluster: string
  readonly source: BackupSource
  readonly copy: RecordedCopy
  readonly manifests: { readonly manifest: StoredObjectRecord; readonly backupManifest: StoredObjectRecord }
  readonly encoding: Encoding
  readonly label: string
  readonly host: string
  readonly tool: string
  readonly endedMs: number
  readonly durationMs: number
}

export function buildRecord(parts: RecordParts): BackupRecord {
  const { source, copy, manifests, encoding } = parts
  const { facts } = source
  const { end, files, packs, report, session } = copy
  const storedBytes = [...packs, manifests.manifest, manifests.backupManifest].reduce(
    (sum, { sizeBytes }) => sum + sizeBytes,
    0,
  )
  return {
    format: 1,
    id: copy.id,
    kind: 'full',
    parent: null,
    cluster: parts.cluster,
    label: parts.label,
    systemIdentifier: facts.systemIdentifier,
    postgres: {
      versionNumber: facts.versionNumber,
      version: facts.version,
      catalogVersion: facts.catalogVersion,
      blockSizeBytes: facts.blockSizeBytes,
      relationSegmentBlocks: facts.relationSegmentBlocks,
      walSegmentSizeBytes: facts.walSegmentSizeBytes,
      dataChecksums: facts.dataChecksums,
      settings: facts.settings,
    },
    host: parts.host,
    fromStandby: session.fromStandby,
    startedAt: new Date(copy.startedMs).toISOString(),
    endedAt: new Date(parts.endedMs).toISOString(),
    timeline: end.label.timeline,
    startLsn: formatLsn(session.startLsn),
    stopLsn: formatLsn(end.stopLsn),
    startWal: end.label.startWal,
    stopWal: copy.stopWal,
    sizes: {
      files: packs.reduce((sum, pack) => sum + pack.files, 0),
      rawBytes: packs.reduce((sum, pack) => sum + pack.rawBytes, 0),
      storedBytes,
    },
    tablespaces: files.tablespaces,
    packs: packs.map(({ name, sizeBytes, sha256, files: count, rawBytes }) => ({
      name,
      sizeBytes,
      sha256,
      files: count,
      rawBytes,
    })),
    ...manifests,
    compression: { algorithm: 'zstd', level: encoding.level },
    recipients: encoding.recipients,
    checks: {
      pagesChecked: report.pagesChecked,
      pagesTorn: report.pagesTorn,
      pagesCorrupt: report.pagesCorrupt,
      corrupt: report.corrupt,
    },
    warnings: [...source.warnings, ...files.warnings],
    durationMs: Math.round(parts.durationMs),
    tool: parts.tool,
  }
}
