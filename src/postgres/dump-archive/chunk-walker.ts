/** Walks through the chunks of a block of data, counts rows, and takes the data out: see kernel/chunks.as.ts. */
import { assert } from '../../base/assert.ts'
import { KiB } from '../../base/units.ts'
import { kernelLoader } from '../../base/wasm-kernel.ts'
import { copyEnd, invalidArchive } from './archive.ts'
import { chunksWasm } from './kernel/chunks.generated.ts'

interface KernelExports {
  readonly count: (from: number, to: number) => number
  readonly walk: (state: number, from: number, to: number, out: number, chunkBytesMax: number) => number
}

const wasmPageSizeBytes = 64 * KiB
/** Small enough to stay in the processor's cache between being put there and being walked through. */
const windowSizeBytes = 256 * KiB
/** The kernel reads and writes in steps of 16 bytes. */
const slackBytes = 64
const stateAt = 64
const inputAt = 1024
const outputAt = inputAt + windowSizeBytes + slackBytes
const memoryBytes = outputAt + windowSizeBytes + slackBytes
const chunkSizeBytesMax = 0x7fff_ffff
const statuses = { more: 0, ended: 1, invalid: 2 } as const
const load = kernelLoader<KernelExports>(chunksWasm, { count: 2, walk: 5 })

export class ChunkWalker {
  readonly #kernel: KernelExports
  readonly #memory: Buffer
  readonly #state: DataView
  /** Of the block so far. */
  lineFeeds = 0
  dataBytes = 0

  constructor() {
    const wasmPages = Math.ceil(memoryBytes / wasmPageSizeBytes)
    const memory = new WebAssembly.Memory({ initial: wasmPages, maximum: wasmPages })
    this.#kernel = load(memory)
    this.#memory = Buffer.from(memory.buffer)
    this.#state = new DataView(memory.buffer, stateAt, 64)
  }

  begin(): void {
    for (let at = 0; at < 24; at += 4) this.#state.setUint32(at, 0, true)
    this.lineFeeds = 0
    this.dataBytes = 0
  }

  /**
   * Walks on through `bytes`. Says how many were walked through, and whether the data has ended with the last of them. What
   * the chunks hold is given to `take` in pieces that are valid only until it returns.
   */
  walk(
    bytes: Uint8Array,
    take?: (piece: Uint8Array) => void,
  ): { readonly taken: number; readonly ended: boolean } {
    let at = 0
    while (at < bytes.length) {
      const window = bytes.subarray(at, at + windowSizeBytes)
      this.#memory.set(window, inputAt)
      const end = inputAt + window.length
      const stop = this.#kernel.walk(stateAt, inputAt, end, take ? outputAt : 0, chunkSizeBytesMax)
      const dataBytes = this.#state.getUint32(28, true)
      this.lineFeeds += this.#state.getUint32(24, true)
      this.dataBytes += dataBytes
      if (take && dataBytes > 0) take(this.#memory.subarray(outputAt, outputAt + dataBytes))
      at += stop - inputAt
      const status = this.#state.getUint32(32, true)
      if (status === statuses.invalid) throw invalidArchive('a chunk of data has an impossible length')
      if (status === statuses.ended) return { taken: at, ended: true }
      assert(stop === end, 'the kernel stops early only at an end')
    }
    return { taken: at, ended: false }
  }

  /** Whether the data so far ends as that of a table has to. */
  get endsAsCopy(): boolean {
    const tail = this.#memory.subarray(stateAt + 16, stateAt + 24)
    return this.dataBytes >= copyEnd.length && tail.subarray(8 - copyEnd.length).equals(copyEnd)
  }

  /** Line feeds of bytes that are not in chunks. */
  count(bytes: Uint8Array): number {
    let total = 0
    for (let at = 0; at < bytes.length; at += windowSizeBytes) {
      const window = bytes.subarray(at, at + windowSizeBytes)
      this.#memory.set(window, inputAt)
      total += this.#kernel.count(inputAt, inputAt + window.length)
    }
    return total
  }
}

/** Of the three lines behind the rows of a table. */
export const copyEndLines = 3
