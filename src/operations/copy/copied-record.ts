/** The `backup.json` of a copy that was sealed to other recipients: the source's, but for what is different. */
import { createHash } from 'node:crypto'
import { assert } from '../../base/assert.ts'
import { encodeBackupRecord } from '../../repository/format/backup-json.ts'
import type { BackupRecord, StoredObjectRecord } from '../../repository/format/backup-record.ts'
import type { StoredStream } from '../../repository/stored-stream.ts'

export interface RecordOfCopy {
  /** The source's `backup.json`, as it is stored. */
  readonly bytes: Uint8Array
  /** The same, read. */
  readonly record: BackupRecord
  /** Of the source. */
  readonly repositoryId: string
  /** What was stored for each object, by its name. */
  readonly stored: ReadonlyMap<string, StoredStream>
  readonly recipients: readonly string[]
}

/** Fields of a later version, which this one does not know, are kept. */
export function recordOfCopy({ bytes, record, repositoryId, stored, recipients }: RecordOfCopy): Uint8Array {
  const whole = JSON.parse(Buffer.from(bytes).toString('utf8')) as Record<string, unknown>
  const kept = Object.fromEntries(Object.entries(whole).filter(([name]) => name !== 'crc32'))
  const storedAs = <T extends StoredObjectRecord>(object: T): T => {
    const found = stored.get(object.name)
    assert(found !== undefined, `${object.name} was copied before its record is written`)
    return { ...object, ...found }
  }
  const changed: BackupRecord = {
    ...record,
    packs: record.packs.map(storedAs),
    manifest: storedAs(record.manifest),
    backupManifest: storedAs(record.backupManifest),
    sizes: { ...record.sizes, storedBytes: sumOf(stored.values()) },
    recipients,
    copiedFrom: { repository: repositoryId, sha256: createHash('sha256').update(bytes).digest('hex') },
  }
  return encodeBackupRecord({ ...kept, ...changed })
}

const sumOf = (stored: Iterable<StoredStream>): number =>
  [...stored].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
