/**
 * What one thread needs to make packs: a compressor and the buffers that every byte passes through, made once and
 * used for pack after pack.
 *
 * Two raw buffers take turns, so that the next slice of a file can be read while the last is compressed; two output
 * buffers take turns, so that one can be written while the other fills.
 */
import { limits } from '../../base/limits.ts'
import { KiB } from '../../base/units.ts'
import { sealedSizeBytesBound } from '../../pipeline/age.ts'
import type { Encoding } from '../../pipeline/codec.ts'
import { createFrameCompressor, frameSizeBytesBound, type FrameCompressor } from '../../pipeline/zstd.ts'

export interface PackPress {
  readonly encoding: Encoding
  readonly compressor: FrameCompressor
  /** Where raw bytes are gathered, a frame each. */
  readonly raw: Pair
  readonly compressed: Uint8Array
  readonly output: Pair
  close(): void
}

/** The storage is given about so many bytes at a time; an output buffer holds so many, and one frame more. */
export const packOutputSizeBytesTarget = 512 * KiB

export type Pair = readonly [Uint8Array, Uint8Array]

/** `raw` are two buffers of a frame's size; give the page checker's, so that pages can be checked where they lie. */
export function createPackPress(encoding: Encoding, raw: Pair = [newFrame(), newFrame()]): PackPress {
  const sealed = encoding.recipients.length > 0
  const compressor = createFrameCompressor({ level: encoding.level, contentChecksum: !sealed })
  const compressedBytes = frameSizeBytesBound(limits.frameSizeBytesMax)
  const outputBytes = packOutputSizeBytesTarget + sealedSizeBytesBound(compressedBytes)
  return {
    encoding,
    compressor,
    raw,
    // Without a seal, frames are compressed straight into the output.
    compressed: new Uint8Array(sealed ? compressedBytes : 0),
    output: [new Uint8Array(outputBytes), new Uint8Array(outputBytes)],
    close: () => {
      compressor.close()
    },
  }
}

const newFrame = (): Uint8Array => new Uint8Array(limits.frameSizeBytesMax)
