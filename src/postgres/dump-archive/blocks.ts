/** Data as it lies in the files of a directory archive, as blocks of a custom one. The way back is `ArchiveParser`. */
import { blockKinds, type TocEntry } from './archive.ts'
import { encodeInteger } from './values.ts'

export type Pieces = AsyncIterable<Uint8Array> | Iterable<Uint8Array>

/** The rows of a table, as its file holds them: with the mark of their end. */
export async function* dataBlock(entry: TocEntry, file: Pieces): AsyncIterable<Uint8Array> {
  yield Buffer.concat([Buffer.of(blockKinds.data), encodeInteger(entry.dumpId)])
  yield* chunks(file)
}

/** Large objects. An empty one has no pieces. */
export async function* largeObjectsBlock(
  entry: TocEntry,
  objects: AsyncIterable<LargeObject> | Iterable<LargeObject>,
): AsyncIterable<Uint8Array> {
  yield Buffer.concat([Buffer.of(blockKinds.largeObjects), encodeInteger(entry.dumpId)])
  for await (const { oid, file } of objects) {
    yield encodeInteger(oid | 0)
    yield* chunks(file)
  }
  yield encodeInteger(0)
}

export interface LargeObject {
  readonly oid: number
  readonly file: Pieces
}

async function* chunks(file: Pieces): AsyncIterable<Uint8Array> {
  for await (const piece of file) {
    // A chunk without bytes would be the end.
    if (piece.length === 0) continue
    yield encodeInteger(piece.length)
    yield piece
  }
  yield encodeInteger(0)
}
