/** The `backup.json` of a backup whose objects were sealed anew, whole or in part: as it was, but for what is different. */
import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
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
  return encodeBackupRecord({ ...allFieldsOf(bytes), ...changed })
}

/** The record of a backup of which one object was stored anew. */
export function recordWithObject(
  bytes: Uint8Array,
  record: BackupRecord,
  name: string,
  stored: StoredStream,
): Uint8Array {
  const changed = <T extends StoredObjectRecord>(object: T): T =>
    object.name === name ? { ...object, ...stored } : object
  const packs = record.packs.map(changed)
  const [manifest, backupManifest] = [changed(record.manifest), changed(record.backupManifest)]
  const storedBytes = sumOf([...packs, manifest, backupManifest])
  const sizes = { ...record.sizes, storedBytes }
  return encodeBackupRecord({ ...allFieldsOf(bytes), ...record, packs, manifest, backupManifest, sizes })
}

/** Whether two records are of one backup: they differ in nothing but how its objects are sealed. */
export function isSameBackup(a: BackupRecord, b: BackupRecord): boolean {
  return isDeepStrictEqual(unsealed(a), unsealed(b))
}

function unsealed({
  packs,
  manifest,
  backupManifest,
  sizes,
  recipients: _,
  copiedFrom: __,
  ...rest
}: BackupRecord): object {
  return {
    ...rest,
    packs: packs.map(({ name, files, rawBytes }) => ({ name, files, rawBytes })),
    names: [manifest.name, backupManifest.name],
    sizes: { files: sizes.files, rawBytes: sizes.rawBytes },
  }
}

/** Also those that this version does not know. */
function allFieldsOf(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const whole = JSON.parse(Buffer.from(bytes).toString('utf8')) as Record<string, unknown>
  return Object.fromEntries(Object.entries(whole).filter(([name]) => name !== 'crc32'))
}

const sumOf = (stored: Iterable<Pick<StoredStream, 'sizeBytes'>>): number =>
  [...stored].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
