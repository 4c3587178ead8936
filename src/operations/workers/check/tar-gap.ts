/**
 * Checks what stands between the data of two files in a pack: padding, headers of directories and links, and the header of
 * the file that follows (with pax records, where it needs them).
 */
import {
  decodePaxRecords,
  decodeTarHeader,
  tarBlockSizeBytes,
  tarPaddingBytes,
} from '../../../pipeline/tar.ts'
import type { ManifestFile } from '../../../repository/format/manifest.ts'

/**
 * `gap` begins where the data of the file `before` ends (or at the start of the pack) and ends where the data of
 * `next` begins (or at the end of the pack). Returns what is wrong.
 */
export function checkTarGap(
  gap: Uint8Array,
  before: ManifestFile | undefined,
  next: ManifestFile | undefined,
): string | undefined {
  const padding = before ? tarPaddingBytes(before.sizeBytes) : 0
  if (padding > gap.length || gap.subarray(0, padding).some(byte => byte !== 0))
    return 'the padding after its data is damaged'
  const rest = gap.subarray(padding)
  if (rest.length % tarBlockSizeBytes !== 0) return 'its header does not begin where the archive says'
  return next ? checkHeaders(rest, next) : checkEnd(rest)
}

function checkHeaders(blocks: Uint8Array, next: ManifestFile): string | undefined {
  let pax: Readonly<Record<string, string>> = {}
  for (let at = 0; at < blocks.length;) {
    const header = decodeTarHeader(blocks.subarray(at, at + tarBlockSizeBytes))
    at += tarBlockSizeBytes
    if (!header || header.kind === 'end') return 'a tar header before its data is damaged'
    if (header.kind === 'pax') {
      const records = decodePaxRecords(blocks.subarray(at, at + header.sizeBytes))
      if (!records) return 'pax records before its data are damaged'
      pax = records
      at += header.sizeBytes + tarPaddingBytes(header.sizeBytes)
      continue
    }
    if (header.kind === 'file') {
      const path = pax['path'] ?? header.path
      const sizeBytes = pax['size'] === undefined ? header.sizeBytes : Number(pax['size'])
      const isRight = at === blocks.length && path === next.path && sizeBytes === next.sizeBytes
      return isRight ? undefined : `its tar header names ${path} with ${String(sizeBytes)} bytes`
    }
    pax = {}
  }
  return 'its tar header is missing'
}

function checkEnd(blocks: Uint8Array): string | undefined {
  const end = blocks.subarray(Math.max(0, blocks.length - 2 * tarBlockSizeBytes))
  return end.length === 2 * tarBlockSizeBytes && end.every(byte => byte === 0)
    ? undefined
    : 'the end of the archive is missing'
}
