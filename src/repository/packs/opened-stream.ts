/**
 * The compressed stream of a pack, or a part of it, from its stored bytes: cut into age's chunks and opened. A chunk
 * that is damaged comes as a fault in its place, so that one who looks for damage can go on behind it.
 */
import { isFault, type Fault } from '../../base/fault.ts'
import { storedChunkSizeBytes } from '../../pipeline/age.ts'
import type { StoredLayout } from './stored-layout.ts'
import { corruptPack } from './corrupt-pack.ts'

export interface OpenedPiece {
  /** Valid until the next piece is asked for. When the piece is damaged these are zeroes. */
  readonly bytes: Uint8Array
  readonly damage: Fault | undefined
}

/** `stored` begins at a chunk's start: what `storedRange` gave for a range that starts at `plainStartBytes`. */
export async function* openedStream(
  stored: AsyncIterable<Uint8Array>,
  layout: StoredLayout,
  plainStartBytes: number,
): AsyncGenerator<OpenedPiece, void, undefined> {
  const { seal } = layout
  if (!seal) {
    for await (const bytes of stored) yield { bytes, damage: undefined }
    return
  }
  const plain = Buffer.alloc(storedChunkSizeBytes)
  let index = Math.floor(plainStartBytes / (storedChunkSizeBytes - 16))
  for await (const chunk of chunksOf(stored)) {
    yield openChunk(seal, index, chunk, plain)
    index++
  }
}

function openChunk(
  { opener, chunkCount }: NonNullable<StoredLayout['seal']>,
  index: number,
  chunk: Uint8Array,
  plain: Uint8Array,
): OpenedPiece {
  try {
    const plainBytes = opener.openChunk(index, chunk, index === chunkCount - 1, plain)
    return { bytes: plain.subarray(0, plainBytes), damage: undefined }
  } catch (error) {
    const damage = isFault(error, 'OBJECT_CORRUPT') ? error : corruptPack('a chunk can not be opened', error)
    // Nothing of a damaged chunk is ever handed on.
    return { bytes: plain.fill(0).subarray(0, Math.max(0, chunk.length - 16)), damage }
  }
}

/** Cuts a stream into chunks as age stores them; copies only what lies across two pieces. */
async function* chunksOf(stored: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const carry = Buffer.alloc(storedChunkSizeBytes)
  let carried = 0
  for await (const piece of stored) {
    let at = 0
    if (carried > 0) {
      at = Math.min(piece.length, storedChunkSizeBytes - carried)
      carry.set(piece.subarray(0, at), carried)
      carried += at
      if (carried < storedChunkSizeBytes) continue
      carried = 0
      yield carry
    }
    for (; at + storedChunkSizeBytes <= piece.length; at += storedChunkSizeBytes)
      yield piece.subarray(at, at + storedChunkSizeBytes)
    carry.set(piece.subarray(at))
    carried = piece.length - at
  }
  if (carried > 0) yield carry.subarray(0, carried)
}
