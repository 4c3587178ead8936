/**
 * The manifest of a backup, from whichever repository has it whole. It streams by, so damage may show in the middle:
 * then the next copy's is read from where the first one's broke off, which is right because all copies hold the same text.
 */
import { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import type { ManifestFile, ManifestHead } from '../../repository/format/manifest.ts'
import { openManifest, type ManifestReader } from '../../repository/packs/manifest-reader.ts'
import type { Storage } from '../../storage/storage.ts'
import { withReadAhead } from '../../storage/with-read-ahead.ts'
import { fromFirstCopy, troubleOf } from './read-copies.ts'
import { folderOfCopy, type BackupCopy } from './source.ts'
import { isRepositoryTrouble, type TroubleLog } from './trouble.ts'

const nameIn = ({ record }: BackupCopy): string => record.manifest.name

/** Proves, in passing, that there is a key for it. */
export async function readManifestHead(
  copies: readonly BackupCopy[],
  troubles: TroubleLog,
  signal: AbortSignal,
): Promise<ManifestHead> {
  return fromFirstCopy(copies, { nameIn, troubles }, async (copy, key) => {
    const manifest = await open(copy, key, signal)
    await manifest.close()
    return manifest.head
  })
}

export async function* readManifestFiles(
  copies: readonly BackupCopy[],
  troubles: TroubleLog,
  signal: AbortSignal,
): AsyncGenerator<readonly ManifestFile[], void, undefined> {
  let done = 0
  for (let left = copies; ;) {
    const { copy, manifest } = await fromFirstCopy(left, { nameIn, troubles }, async (from, key) => ({
      copy: from,
      manifest: await open(from, key, signal, storageOf(from)),
    }))
    left = left.filter(other => other !== copy)
    try {
      for await (const group of behind(manifest.files, done)) {
        done += group.length
        yield group
      }
      return
    } catch (error) {
      const [next] = left
      if (!next || !isRepositoryTrouble(error)) throw error
      troubles.add(troubleOf(copy, `${folderOfCopy(copy)}${nameIn(copy)}`, error, next))
    }
  }
}

async function open(
  copy: BackupCopy,
  key: string,
  signal: AbortSignal,
  storage: Storage = copy.source.repository.storage,
): Promise<ManifestReader> {
  const { identities } = copy.source
  const manifest = await openManifest({ storage, key, identities }, signal)
  const { backup } = manifest.head
  if (backup === copy.record.id) return manifest
  await manifest.close()
  throw new Fault('OBJECT_CORRUPT', `the manifest of ${copy.record.id} is that of ${backup}`, {
    hint: 'Find out who moved objects inside the repository; restore from another backup meanwhile (--backup ID).',
  })
}

/** The manifest of a million files is read as packs are: in parts, ahead of who reads it. */
function storageOf({ source, record }: BackupCopy): Storage {
  const { storage } = source.repository
  const { sizeBytes } = record.manifest
  const { readAheadPartSizeBytesMax: partSizeBytesMax, readAheadPartsMax: partsMax } = limits
  if (sizeBytes <= partSizeBytesMax) return storage
  const ahead = withReadAhead(storage, { partSizeBytesMax, partsMax, sizeBytesMax: 2 * partSizeBytesMax })
  return {
    ...storage,
    get: (key, _range, signal) => ahead.get(key, { startBytes: 0, endBytes: sizeBytes }, signal),
  }
}

/** The stream without its first files. */
async function* behind(
  files: AsyncIterable<readonly ManifestFile[]>,
  count: number,
): AsyncGenerator<readonly ManifestFile[], void, undefined> {
  let skip = count
  for await (const group of files) {
    const rest = skip === 0 ? group : group.slice(skip)
    skip = Math.max(0, skip - group.length)
    if (rest.length > 0) yield rest
  }
}
