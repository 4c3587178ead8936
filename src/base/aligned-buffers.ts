/**
 * Buffers that begin at a page of memory, as direct I/O demands. JavaScript can not choose where an ArrayBuffer lies; a
 * WebAssembly memory always begins at a page of its own (64 KiB).
 */
const wasmPageSizeBytes = 65_536

/** `sizeBytes` each; every one is aligned to 64 KiB. */
export function alignedBuffers(count: number, sizeBytes: number): readonly Uint8Array<ArrayBuffer>[] {
  const strideBytes = Math.ceil(sizeBytes / wasmPageSizeBytes) * wasmPageSizeBytes
  const pages = (strideBytes * count) / wasmPageSizeBytes
  const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages })
  return Array.from({ length: count }, (_, i) => new Uint8Array(buffer, i * strideBytes, sizeBytes))
}
