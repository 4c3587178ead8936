/**
 * Checks PostgreSQL's page checksums, in WebAssembly with SIMD: see kernel/page-checksum.as.ts for the algorithm.
 *
 * The kernel sees only its own memory, so the buffers that files are read into are part of it. Reading there directly
 * saves a copy of every byte.
 */
import { assert } from '../base/assert.ts'
import { kernelLoader } from '../base/wasm-kernel.ts'
import { pageChecksumWasm } from './kernel/page-checksum.generated.ts'

export interface PageChecker {
  /** Buffers of the size asked for, inside the kernel's memory. Other buffers can not be checked. */
  readonly buffers: readonly Uint8Array<ArrayBuffer>[]
  /**
   * Checks whole pages that lie end to end in `pages` (a part of one of the buffers) and are the blocks from `firstBlock`
   * on; returns the index of each page that fails. A page never written to, all zero, is right.
   */
  failures(pages: Uint8Array, pageSizeBytes: number, firstBlock: number): readonly number[]
}

interface KernelExports {
  readonly verify: (
    pages: number,
    pageBytes: number,
    pageCount: number,
    block: number,
    failures: number,
  ) => number
}

const wasmPageSizeBytes = 65_536
const pageSizeBytesMin = 1024
const load = kernelLoader<KernelExports>(pageChecksumWasm, { verify: 5 })

/** One checker with its own memory, for one thread. */
export function createPageChecker(buffer: {
  readonly count: number
  readonly sizeBytes: number
}): PageChecker {
  // Each buffer begins at a WebAssembly page, and is thus aligned for everything; results lie behind the last.
  const strideBytes = Math.ceil(buffer.sizeBytes / wasmPageSizeBytes) * wasmPageSizeBytes
  const failuresAt = strideBytes * buffer.count
  const failuresMax = Math.ceil(buffer.sizeBytes / pageSizeBytesMin)
  const wasmPages = Math.ceil((failuresAt + failuresMax * 4) / wasmPageSizeBytes)
  const memory = new WebAssembly.Memory({ initial: wasmPages, maximum: wasmPages })
  const { verify } = load(memory)
  const failed = new Uint32Array(memory.buffer, failuresAt, failuresMax)
  return {
    buffers: Array.from(
      { length: buffer.count },
      (_, i) => new Uint8Array(memory.buffer, i * strideBytes, buffer.sizeBytes),
    ),
    failures(pages, pageSizeBytes, firstBlock) {
      assert(pages.buffer === memory.buffer, 'pages lie in the memory of the kernel')
      assert(pages.length % pageSizeBytes === 0, 'pages are whole')
      const count = verify(
        pages.byteOffset,
        pageSizeBytes,
        pages.length / pageSizeBytes,
        firstBlock,
        failuresAt,
      )
      return count === 0 ? none : Array.from(failed.subarray(0, count))
    },
  }
}

const none: readonly number[] = []

/** The LSN in a page's header (pd_lsn): when the page was last changed. */
export function pageLsn(page: Uint8Array): bigint {
  const view = new DataView(page.buffer, page.byteOffset, 8)
  return (BigInt(view.getUint32(0, true)) << 32n) | BigInt(view.getUint32(4, true))
}
