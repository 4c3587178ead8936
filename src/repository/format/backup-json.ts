/** Encodes and decodes `backup.json`; the fields are explained in backup-record.ts. */
import { limits } from '../../base/limits.ts'
import type { BackupRecord } from './backup-record.ts'
import {
  array,
  checked,
  count,
  encodeRecord,
  flag,
  literal,
  map,
  nullable,
  object,
  optional,
  parseRecord,
  text,
  textLike,
  type Parser,
} from './parse.ts'
import { snapshotPart } from './snapshot-part.ts'
import {
  backupId,
  clusterName,
  isPowerOfTwo,
  lsn,
  relativePath,
  repositoryId,
  sha256,
  systemIdentifier,
  time,
  timeline,
  walSegment,
} from './values.ts'

const postgres = object({
  versionNumber: count(90_000, 999_999),
  version: text,
  catalogVersion: count(),
  blockSizeBytes: count(1024, 32 * 1024),
  relationSegmentBlocks: count(1, 0xffff_ffff),
  walSegmentSizeBytes: count(limits.walSegmentSizeBytesMin, limits.walSegmentSizeBytesMax),
  dataChecksums: flag,
  settings: map(text),
})

const tablespace = object({ oid: count(1, 0xffff_ffff), name: text, location: text, sizeBytes: count() })

const pack = object({
  name: textLike(/^data\/\d{5,6}\.tar\.zst(\.age)?$/, "a pack's name"),
  sizeBytes: count(),
  sha256,
  files: count(),
  rawBytes: count(),
})

const manifest = object({
  name: textLike(/^manifest\.json\.zst(\.age)?$/, "a manifest's name"),
  sizeBytes: count(),
  sha256,
})

const backupManifest = object({
  name: textLike(/^backup_manifest\.zst(\.age)?$/, "the name of PostgreSQL's backup manifest"),
  sizeBytes: count(),
  sha256,
})

const checks = object({
  pagesChecked: count(),
  pagesTorn: count(),
  pagesCorrupt: count(),
  corrupt: array(object({ path: relativePath, blocks: array(count(0, 0xffff_ffff)) })),
})

const fields: Parser<BackupRecord> = object({
  format: literal(1),
  id: backupId,
  kind: literal('full', 'incremental', 'snapshot'),
  parent: nullable(backupId),
  cluster: clusterName,
  label: text,
  systemIdentifier,
  postgres,
  host: text,
  fromStandby: flag,
  startedAt: time,
  endedAt: time,
  timeline,
  startLsn: lsn,
  stopLsn: lsn,
  startWal: walSegment,
  stopWal: walSegment,
  sizes: object({ files: count(), rawBytes: count(), storedBytes: count() }),
  tablespaces: array(tablespace),
  packs: array(pack),
  manifest,
  backupManifest,
  compression: object({ algorithm: literal('zstd'), level: count(1, 22) }),
  recipients: array(text),
  checks,
  warnings: array(text),
  durationMs: count(),
  tool: text,
  snapshot: optional(snapshotPart),
  copiedFrom: optional(object({ repository: repositoryId, sha256 })),
})

const backupRecord: Parser<BackupRecord> = checked(fields, (record, fail) => {
  if (!record.id.endsWith(`-${record.kind}`)) fail('id', `the id of a backup of kind ${record.kind}`)
  if ((record.parent === null) !== (record.kind !== 'incremental'))
    fail('parent', 'an id for an incremental backup, and null for any other')
  if ((record.snapshot === undefined) !== (record.kind !== 'snapshot'))
    fail('snapshot', 'there for a snapshot, and for nothing else')
  if (record.parent === record.id) fail('parent', 'another backup')
  if (lsnNumber(record.startLsn) > lsnNumber(record.stopLsn)) fail('stopLsn', 'after the start')
  if (record.startWal > record.stopWal) fail('stopWal', 'after the start')
  if (!isPowerOfTwo(record.postgres.blockSizeBytes)) fail('postgres.blockSizeBytes', 'a power of two')
  if (!isPowerOfTwo(record.postgres.walSegmentSizeBytes))
    fail('postgres.walSegmentSizeBytes', 'a power of two')
  if (new Set(record.packs.map(({ name }) => name)).size !== record.packs.length)
    fail('packs', 'a list of different objects')
})

function lsnNumber(text: string): bigint {
  const [high = '0', low = '0'] = text.split('/')
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)
}

export function encodeBackupRecord(record: BackupRecord): Uint8Array {
  return encodeRecord(record, backupRecord)
}

/** `what` names the object in messages. */
export function parseBackupRecord(bytes: Uint8Array, what: string): BackupRecord {
  return parseRecord(bytes, what, backupRecord)
}
