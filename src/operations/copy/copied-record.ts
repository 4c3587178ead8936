/** The record of a backup or dump whose objects were sealed anew, whole or in part: as it was, but for what is different. */
import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { assert } from '../../base/assert.ts'
import {
  encodeCommitRecord,
  objectsOfCommit,
  withObjects,
  withStoredBytes,
  type CommitRecord,
} from '../../repository/commit-record.ts'
import type { StoredObjectRecord } from '../../repository/format/backup-record.ts'
import type { StoredStream } from '../../repository/stored-stream.ts'

export interface RecordOfCopy {
  /** The source's record, as it is stored. */
  readonly bytes: Uint8Array
  /** The same, read. */
  readonly record: CommitRecord
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
  const changed: CommitRecord = {
    ...withStoredBytes(withObjects(record, storedAs), sumOf(stored.values())),
    recipients,
    copiedFrom: { repository: repositoryId, sha256: createHash('sha256').update(bytes).digest('hex') },
  }
  return encodeCommitRecord({ ...allFieldsOf(bytes), ...changed })
}

/** The record of a backup or dump of which one object was stored anew. */
export function recordWithObject(
  bytes: Uint8Array,
  record: CommitRecord,
  name: string,
  stored: StoredStream,
): Uint8Array {
  const made = withObjects(record, object => (object.name === name ? { ...object, ...stored } : object))
  const changed = withStoredBytes(made, sumOf(objectsOfCommit(made)))
  return encodeCommitRecord({ ...allFieldsOf(bytes), ...changed })
}

/** Whether two records are of one backup or dump: they differ in nothing but how its objects are sealed. */
export function isSameCommit(a: CommitRecord, b: CommitRecord): boolean {
  return isDeepStrictEqual(unsealed(a), unsealed(b))
}

/** Objects lose what of them depends on who they are sealed to. */
function unsealed(record: CommitRecord): object {
  const bare = withObjects(record, object => ({ ...object, sizeBytes: 0, sha256: '' }))
  const { recipients: _, copiedFrom: __, ...rest } = withStoredBytes(bare, 0)
  return rest
}

/** Also those that this version does not know. */
function allFieldsOf(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const whole = JSON.parse(Buffer.from(bytes).toString('utf8')) as Record<string, unknown>
  return Object.fromEntries(Object.entries(whole).filter(([name]) => name !== 'crc32'))
}

const sumOf = (stored: Iterable<Pick<StoredStream, 'sizeBytes'>>): number =>
  [...stored].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
