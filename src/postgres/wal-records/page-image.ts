/** The page that an image of the WAL stands for: decompressed, and with the hole in its middle filled with zeros. */
import { zstdDecompressSync } from 'node:zlib'
import type { PageImage } from './decode-record.ts'

/** Undefined when the bytes are no such image. The page has `pageSizeBytes`, 8192 unless the server was built otherwise. */
export function restoreImage(image: PageImage, pageSizeBytes: number): Uint8Array | undefined {
  const { bytes, holeOffset, compression } = image
  // Without compression only the size of what is there is told.
  const holeBytes = image.holeBytes < 0 ? pageSizeBytes + image.holeBytes : image.holeBytes
  const filled = decompress(compression, bytes, pageSizeBytes - holeBytes)
  if (filled?.length !== pageSizeBytes - holeBytes || holeOffset + holeBytes > pageSizeBytes) return undefined
  const page = new Uint8Array(pageSizeBytes)
  page.set(filled.subarray(0, holeOffset))
  page.set(filled.subarray(holeOffset), holeOffset + holeBytes)
  return page
}

function decompress(
  compression: PageImage['compression'],
  bytes: Uint8Array,
  sizeBytes: number,
): Uint8Array | undefined {
  switch (compression) {
    case 'none':
      return bytes
    case 'pglz':
      return decompressPglz(bytes, sizeBytes)
    case 'lz4':
      return decompressLz4(bytes, sizeBytes)
    case 'zstd':
      try {
        return zstdDecompressSync(bytes)
      } catch {
        return undefined
      }
    default:
      return undefined
  }
}

/** See pglz_decompress in src/common/pg_lzcompress.c. */
export function decompressPglz(source: Uint8Array, sizeBytes: number): Uint8Array | undefined {
  const out = new Uint8Array(sizeBytes)
  let [from, to] = [0, 0]
  while (from < source.length && to < sizeBytes) {
    let control = source[from++] ?? 0
    for (let bit = 0; bit < 8 && from < source.length && to < sizeBytes; bit++, control >>>= 1) {
      if ((control & 1) === 0) {
        out[to++] = source[from++] ?? 0
        continue
      }
      const [first, second] = [source[from++] ?? 0, source[from++] ?? 0]
      const distance = ((first & 0xf0) << 4) | second
      let length = (first & 0x0f) + 3
      if (length === 18) length += source[from++] ?? 0
      if (distance === 0 || distance > to) return undefined
      for (const end = Math.min(to + length, sizeBytes); to < end; to++) out[to] = out[to - distance] ?? 0
    }
  }
  return to === sizeBytes ? out : undefined
}

/** One block of LZ4, without a frame: https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md */
export function decompressLz4(source: Uint8Array, sizeBytes: number): Uint8Array | undefined {
  const out = new Uint8Array(sizeBytes)
  let [from, to] = [0, 0]
  const longer = (nibble: number): number => {
    let length = nibble
    if (nibble === 15)
      for (let more = 255; more === 255 && from < source.length;) length += more = source[from++] ?? 0
    return length
  }
  while (from < source.length) {
    const token = source[from++] ?? 0
    const literals = longer(token >>> 4)
    if (from + literals > source.length || to + literals > sizeBytes) return undefined
    out.set(source.subarray(from, from + literals), to)
    from += literals
    to += literals
    if (from >= source.length) break
    const distance = (source[from] ?? 0) | ((source[from + 1] ?? 0) << 8)
    from += 2
    const end = to + longer(token & 15) + 4
    if (distance === 0 || distance > to || end > sizeBytes) return undefined
    for (; to < end; to++) out[to] = out[to - distance] ?? 0
  }
  return to === sizeBytes ? out : undefined
}
