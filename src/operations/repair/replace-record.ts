/**
 * A `backup.json` or `dump.json` that can not be read, made again from that of another repository: when the objects beside it are, by
 * their hashes, the ones that the record to be written would name.
 */
import { Fault, isFault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import {
  folderOfCommit,
  indexCommit,
  objectsOfCommit,
  readCommitRecord,
  type CommitRecord,
} from '../../repository/commit-record.ts'
import { readWhole } from '../../repository/objects.ts'
import type { StoredStream } from '../../repository/stored-stream.ts'
import { bodyOf } from '../../storage/storage.ts'
import { recordOfCopy } from '../copy/copied-record.ts'
import { wantedOf } from '../copy/copy-object.ts'
import { isSame, measure } from '../copy/object-source.ts'
import { isSameSet, type CopySide } from '../copy/sides.ts'
import type { RecordDamage } from './report.ts'

export interface RecordReplacement {
  readonly side: CopySide
  readonly put: (signal: AbortSignal) => Promise<void>
}

export async function replaceRecord(
  target: CopySide,
  side: CopySide,
  { key, id }: RecordDamage,
  signal: AbortSignal,
): Promise<RecordReplacement | Fault> {
  try {
    const record = await readCommitRecord(side.repository, id, signal)
    const bytes = await readWhole(side.repository.storage, key, limits.recordSizeBytesMax, signal)
    const stored = await measureObjects(target, record, signal)
    if (!bytes || !stored) return unlike(target, side, record)
    const made = await fittingRecord(target, side, { bytes, record, stored }, signal)
    if (!made) return unlike(target, side, record)
    return {
      side,
      async put(stop) {
        await target.repository.storage.put(key, bodyOf(made), stop)
        await indexCommit(target.repository, id, stop)
      },
    }
  } catch (error) {
    if (isFault(error, 'BACKUP_NOT_FOUND', 'OBJECT_MISSING', 'OBJECT_CORRUPT')) return error
    throw error
  }
}

interface Known {
  readonly bytes: Uint8Array
  readonly record: CommitRecord
  /** What lies in the damaged repository. */
  readonly stored: ReadonlyMap<string, StoredStream>
}

async function fittingRecord(
  target: CopySide,
  side: CopySide,
  { bytes, record, stored }: Known,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const isAsNamed = objectsOfCommit(record).every(object =>
    isSame(stored.get(object.name) ?? nothing, object),
  )
  if (isAsNamed) return bytes
  if (side.identities.length === 0 || isSameSet(record.recipients, target.recipients)) return undefined
  for (const { name } of objectsOfCommit(record)) {
    const key = `${folderOfCommit(record.cluster, record.id)}/${name}`
    const made = await rewrapped(side, key, target.recipients, signal)
    if (!made) return undefined
    // With its first header an object has other bytes; both made anew in the same way, they are the same.
    const isRight =
      isSame(stored.get(name) ?? nothing, made) ||
      isSame((await rewrapped(target, key, target.recipients, signal)) ?? nothing, made)
    if (!isRight) return undefined
  }
  return recordOfCopy({
    bytes,
    record,
    repositoryId: side.repository.id,
    stored,
    recipients: target.recipients,
  })
}

/** What the object would be for these recipients; nothing when it can not be opened. */
async function rewrapped(
  { repository: { storage }, identities }: CopySide,
  key: string,
  recipients: readonly string[],
  signal: AbortSignal,
): Promise<StoredStream | undefined> {
  if (identities.length === 0) return undefined
  const source = { key, location: storage.location, open: () => storage.get(key, undefined, signal) }
  const job = { source, expected: undefined, to: storage, arrival: 'read back' } as const
  const made = await wantedOf({ ...job, rewrapping: { identities, recipients } })
  return 'outcome' in made ? undefined : made
}

/** Undefined when one of them is missing, too. */
async function measureObjects(
  { repository }: CopySide,
  record: CommitRecord,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, StoredStream> | undefined> {
  const stored = new Map<string, StoredStream>()
  for (const { name } of objectsOfCommit(record)) {
    const key = `${folderOfCommit(record.cluster, record.id)}/${name}`
    try {
      stored.set(name, await measure(repository.storage.get(key, undefined, signal)))
    } catch (error) {
      if (isFault(error, 'OBJECT_MISSING')) return undefined
      throw error
    }
  }
  return stored
}

const nothing: StoredStream = { sizeBytes: -1, sha256: '' }

/** Nothing here says which of the objects are right, so none is touched. */
function unlike(target: CopySide, side: CopySide, { cluster, id }: CommitRecord): Fault {
  return new Fault('OBJECT_CORRUPT', `the objects beside it are not all those that "${side.name}" has`, {
    hint: `Remove all that is left in ${target.repository.storage.location}/${folderOfCommit(cluster, id)}/, and run \`holdfast copy --from ${side.name} --to ${target.name} ${id}\`.`,
  })
}
