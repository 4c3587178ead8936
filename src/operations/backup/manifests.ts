/** The two manifests of a backup: ours, which says where each file lies, and PostgreSQL's own. */
import { assert } from '../../base/assert.ts'
import { createBackupManifest, type WalRange } from '../../postgres/backup-manifest.ts'
import { decodeManifestFile } from '../../repository/format/manifest-lines.ts'
import type { StoredObjectRecord } from '../../repository/format/backup-record.ts'
import type { ManifestDirectory } from '../../repository/format/manifest.ts'
import { suffixOf, type Encoding } from '../../pipeline/codec.ts'
import { backupManifestName, manifestName } from '../../repository/layout.ts'
import { readEntryLines } from '../../repository/packs/entry-log.ts'
import { writeManifest } from '../../repository/packs/manifest-writer.ts'
import { storeStream } from '../../repository/stored-stream.ts'
import type { Storage } from '../../storage/storage.ts'
import type { FinishedPack } from '../workers/messages.ts'

export interface ManifestRequest {
  readonly storage: Storage
  /** The backup's folder, with a slash at the end. */
  readonly keyPrefix: string
  readonly encoding: Encoding
  readonly id: string
  readonly directories: readonly ManifestDirectory[]
  readonly packs: readonly FinishedPack[]
  readonly server: { readonly major: number; readonly systemIdentifier: string }
  readonly walRange: WalRange
}

export async function storeManifests(
  request: ManifestRequest,
  signal: AbortSignal,
): Promise<{ readonly manifest: StoredObjectRecord; readonly backupManifest: StoredObjectRecord }> {
  const { storage, keyPrefix, encoding, id, directories, packs } = request
  const suffix = suffixOf(encoding)
  const name = manifestName(suffix)
  const place = { storage, key: `${keyPrefix}${name}`, encoding }
  const manifest = await writeManifest(
    place,
    { backup: id, directories },
    packs.map(pack => pack.entries),
    signal,
  )
  const postgresName = backupManifestName(suffix)
  const postgresPlace = { storage, key: `${keyPrefix}${postgresName}`, encoding }
  const backupManifest = await storeStream(postgresPlace, backupManifestText(request), signal)
  return { manifest: { name, ...manifest }, backupManifest: { name: postgresName, ...backupManifest } }
}

/** Lines are gathered to pieces of some size: there may be millions of them. */
const pieceCharsTarget = 128 * 1024

async function* backupManifestText({ packs, server, walRange }: ManifestRequest): AsyncIterable<Uint8Array> {
  const text = createBackupManifest(server)
  let piece = text.head()
  for (const { entries } of packs) {
    for (const line of readEntryLines(entries)) {
      const file = decodeManifestFile(line)
      assert(file !== undefined, 'what a worker wrote down can be read')
      piece += text.file(file)
      if (piece.length < pieceCharsTarget) continue
      yield Buffer.from(piece)
      piece = ''
    }
  }
  yield Buffer.from(piece + text.tail([walRange]))
}
