/** Where each frame of a pack begins: in the raw tar stream, and in the compressed stream. Made from the seek table. */
import type { FrameSize } from '../../pipeline/seekable.ts'

export interface Frame {
  readonly index: number
  readonly rawOffsetBytes: number
  readonly rawBytes: number
  /** In the compressed stream, before it is sealed. */
  readonly storedOffsetBytes: number
  readonly storedBytes: number
}

export class FrameIndex {
  readonly #sizes: readonly FrameSize[]
  readonly #rawOffsets: Float64Array
  readonly #storedOffsets: Float64Array

  constructor(sizes: readonly FrameSize[]) {
    this.#sizes = sizes
    this.#rawOffsets = offsetsOf(sizes.map(size => size.rawBytes))
    this.#storedOffsets = offsetsOf(sizes.map(size => size.storedBytes))
  }

  get count(): number {
    return this.#sizes.length
  }

  get rawBytes(): number {
    return this.#rawOffsets[this.count] ?? 0
  }

  get storedBytes(): number {
    return this.#storedOffsets[this.count] ?? 0
  }

  frame(index: number): Frame {
    const size = this.#sizes[index]
    if (!size) throw new Error(`assertion failed: frame ${String(index)} is one of ${String(this.count)}`)
    return {
      index,
      rawOffsetBytes: this.#rawOffsets[index] ?? 0,
      rawBytes: size.rawBytes,
      storedOffsetBytes: this.#storedOffsets[index] ?? 0,
      storedBytes: size.storedBytes,
    }
  }

  /** The frame that holds the raw byte at `offsetBytes`, which must be one of the stream's. */
  frameAt(offsetBytes: number): number {
    let low = 0
    let high = this.count - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if ((this.#rawOffsets[middle] ?? 0) <= offsetBytes) low = middle
      else high = middle - 1
    }
    return low
  }
}

function offsetsOf(sizes: readonly number[]): Float64Array {
  const offsets = new Float64Array(sizes.length + 1)
  sizes.forEach((size, i) => {
    offsets[i + 1] = (offsets[i] ?? 0) + size
  })
  return offsets
}
