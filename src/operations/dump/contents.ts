/** Writes and reads the contents of a dumped database: which table's rows lie where. */
import { Fault, messageOf } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import { decodeStream, suffixOf } from '../../pipeline/codec.ts'
import {
  DumpContentsDecoder,
  encodeDumpContents,
  type DumpContents,
} from '../../repository/format/dump-contents.ts'
import type { StoredObjectRecord } from '../../repository/format/backup-record.ts'
import { dumpContentsName } from '../../repository/layout.ts'
import { storeStream } from '../../repository/stored-stream.ts'
import type { Storage } from '../../storage/storage.ts'
import type { ObjectPlace } from './sealed-object.ts'

/** Lines are gathered to pieces of some size: there may be many thousands of them. */
const pieceCharsTarget = 128 * 1024

export async function storeContents(
  { storage, keyPrefix, encoding }: Pick<ObjectPlace, 'storage' | 'keyPrefix' | 'encoding'>,
  contents: DumpContents,
  signal: AbortSignal,
): Promise<StoredObjectRecord> {
  const name = dumpContentsName(contents.number, suffixOf(encoding))
  const place = { storage, key: `${keyPrefix}${name}`, encoding }
  return { name, ...(await storeStream(place, textOf(contents), signal)) }
}

/** Async only because stages of a stream are. */
async function* textOf(contents: DumpContents): AsyncGenerator<Uint8Array, void, undefined> {
  let piece = ''
  for (const line of encodeDumpContents(contents)) {
    piece += line
    if (piece.length < pieceCharsTarget) continue
    yield Buffer.from(piece)
    piece = ''
  }
  yield Buffer.from(piece)
}

export interface ContentsSource {
  readonly storage: Storage
  readonly key: string
  readonly identities: readonly string[]
}

/** OBJECT_CORRUPT when it is not as it was written. */
export async function readContents(
  { storage, key, identities }: ContentsSource,
  signal: AbortSignal,
): Promise<DumpContents> {
  const decoder = new DumpContentsDecoder()
  const text = new TextDecoder()
  let rest = ''
  for await (const piece of decodeStream(storage.get(key, undefined, signal), identities)) {
    const lines = (rest + text.decode(piece, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > limits.dumpContentsLineCharsMax) throw corrupt(key, 'a line is too long')
    for (const line of lines) take(decoder, line, key)
  }
  take(decoder, rest, key)
  try {
    return decoder.end()
  } catch (error) {
    throw corrupt(key, messageOf(error))
  }
}

function take(decoder: DumpContentsDecoder, line: string, key: string): void {
  try {
    decoder.take(line)
  } catch (error) {
    throw corrupt(key, `a line is damaged: ${messageOf(error)}`)
  }
}

const corrupt = (key: string, why: string): Fault =>
  new Fault('OBJECT_CORRUPT', `${key}: ${why}`, {
    hint: 'Run `holdfast verify` to see what else is damaged, and use another copy of this dump, or another dump.',
  })
