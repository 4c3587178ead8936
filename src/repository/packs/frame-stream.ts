/** The raw frames of a pack, or of a run of its frames, from its compressed stream. */
import { isFault, type Fault } from '../../base/fault.ts'
import { frameSizeBytesBound, type FrameDecompressor } from '../../pipeline/zstd.ts'
import { limits } from '../../base/limits.ts'
import { corruptPack } from './corrupt-pack.ts'
import type { Frame, FrameIndex } from './frame-index.ts'
import type { OpenedPiece } from './opened-stream.ts'

export interface RawFrame {
  readonly frame: Frame
  /**
   * The frame's content, in the buffer `frame.index` modulo the number of buffers: there it stays until the frame that
   * needs the same buffer is asked for, so that frames can be written while the next are decompressed. Undefined when
   * the frame is damaged.
   */
  readonly bytes: Uint8Array | undefined
  readonly damage: Fault | undefined
}

export interface FrameTools {
  readonly decompressor: FrameDecompressor
  /** Take turns, one a frame. */
  readonly raw: readonly Uint8Array[]
  /** Holds one compressed frame. */
  readonly compressed: Uint8Array
}

export const compressedFrameSizeBytesMax = frameSizeBytesBound(limits.frameSizeBytesMax)

/** Frames `first` to `last`; the opened stream begins `skipBytes` before the first of them. */
export async function* frameStream(
  opened: AsyncIterable<OpenedPiece>,
  index: FrameIndex,
  { first, last, skipBytes }: { readonly first: number; readonly last: number; readonly skipBytes: number },
  tools: FrameTools,
): AsyncGenerator<RawFrame, void, undefined> {
  let next = first
  let skip = skipBytes
  let filled = 0
  let damage: Fault | undefined
  for await (const piece of opened) {
    let rest = piece.bytes.subarray(skip)
    skip -= piece.bytes.length - rest.length
    while (rest.length > 0 && next <= last) {
      const frame = index.frame(next)
      const take = Math.min(rest.length, frame.storedBytes - filled)
      damage ??= piece.damage
      // A frame that lies whole in the piece is decompressed from there; else it is gathered first.
      const whole = filled === 0 && take === frame.storedBytes
      if (!whole) tools.compressed.set(rest.subarray(0, take), filled)
      const stored = whole ? rest.subarray(0, take) : tools.compressed.subarray(0, frame.storedBytes)
      rest = rest.subarray(take)
      filled += take
      if (filled < frame.storedBytes) continue
      yield rawFrame(frame, stored, damage, tools)
      next++
      filled = 0
      damage = undefined
    }
  }
  for (; next <= last; next++)
    yield { frame: index.frame(next), bytes: undefined, damage: corruptPack('the pack is cut off') }
}

function rawFrame(
  frame: Frame,
  stored: Uint8Array,
  damage: Fault | undefined,
  { decompressor, raw }: FrameTools,
): RawFrame {
  if (damage) return { frame, bytes: undefined, damage }
  const into = raw[frame.index % raw.length]
  if (!into) throw new Error('assertion failed: there are buffers for frames')
  try {
    const rawBytes = decompressor.decompress(stored, into)
    if (rawBytes !== frame.rawBytes)
      throw corruptPack(`frame ${String(frame.index)} does not have the size that the seek table tells`)
    return { frame, bytes: into.subarray(0, rawBytes), damage: undefined }
  } catch (error) {
    if (!isFault(error, 'OBJECT_CORRUPT')) throw error
    return { frame, bytes: undefined, damage: error }
  }
}
