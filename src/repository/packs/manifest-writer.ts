/** Writes a manifest from the entry logs of its packs, as a stream: nothing but the logs is held. */
import { createHash } from 'node:crypto'
import { encodeStream, type Encoding } from '../../pipeline/codec.ts'
import type { Storage } from '../../storage/storage.ts'
import {
  encodeManifestDirectory,
  manifestEnd,
  manifestMiddle,
  manifestOpening,
} from '../format/manifest-lines.ts'
import type { ManifestHead } from '../format/manifest.ts'
import { Fault } from '../../base/fault.ts'
import { readEntryLog, type EntryLog } from './entry-log.ts'

export interface ManifestSummary {
  readonly sizeBytes: number
  /** Of the object as stored, hexadecimal. */
  readonly sha256: string
}

/** Writes the whole manifest. It is durable afterwards. The logs stand in the order of their packs. */
export async function writeManifest(
  place: { readonly storage: Storage; readonly key: string; readonly encoding: Encoding },
  head: ManifestHead,
  logs: readonly EntryLog[],
  signal: AbortSignal,
): Promise<ManifestSummary> {
  const writer = await place.storage.create(place.key, signal)
  try {
    const digest = createHash('sha256')
    let sizeBytes = 0
    for await (const piece of encodeStream(textOf(head, logs), place.encoding)) {
      digest.update(piece)
      sizeBytes += piece.length
      await writer.write(piece)
    }
    if ((await writer.commit()) === 'taken') throw taken(place.key)
    return { sizeBytes, sha256: digest.digest('hex') }
  } catch (error) {
    await writer.abort()
    throw error
  }
}

/** Async only because stages of a stream are. */
async function* textOf(
  head: ManifestHead,
  logs: readonly EntryLog[],
): AsyncGenerator<Uint8Array, void, undefined> {
  yield Buffer.from(`${manifestOpening(head.backup)}\n`)
  yield Buffer.from(`${head.directories.map(encodeManifestDirectory).join(',\n')}\n${manifestMiddle}\n`)
  let first = true
  for (const log of logs) {
    for (const text of readEntryLog(log)) {
      // The log's lines end in a line feed each; here a comma stands between them, and none after the last.
      yield Buffer.from(`${first ? '' : ',\n'}${text.slice(0, -1).replaceAll('\n', ',\n')}`)
      first = false
    }
  }
  yield Buffer.from(`\n${manifestEnd}\n`)
}

const taken = (key: string): Fault =>
  new Fault('OBJECT_CONFLICT', `${key} is there already`, {
    hint: 'Run the backup again: it gets a new id, and thus new names.',
  })
