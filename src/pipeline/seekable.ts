/**
 * The seek table of zstd's seekable format: where each frame begins, in a skippable frame at the end, which plain
 * `zstd -d` passes over. See zstd's contrib/seekable_format/zstd_seekable_compression_format.md.
 *
 * Skippable frame: magic 0x184D2A5E, length; an entry a frame (stored size, raw size, both 32 bits, little endian);
 * footer: number of frames (32 bits), descriptor (0: no checksums), magic 0x8F92EAB1.
 */
import { Fault } from '../base/fault.ts'

export interface FrameSize {
  readonly storedBytes: number
  readonly rawBytes: number
}

const skippableMagic = 0x184d2a5e
const seekableMagic = 0x8f92eab1
const headerSizeBytes = 8
const entrySizeBytes = 8
export const seekFooterSizeBytes = 9

export function seekTableSizeBytes(frameCount: number): number {
  return headerSizeBytes + frameCount * entrySizeBytes + seekFooterSizeBytes
}

export function encodeSeekTable(frames: readonly FrameSize[]): Uint8Array {
  const bytes = Buffer.alloc(seekTableSizeBytes(frames.length))
  bytes.writeUInt32LE(skippableMagic, 0)
  bytes.writeUInt32LE(bytes.length - headerSizeBytes, 4)
  frames.forEach((frame, i) => {
    bytes.writeUInt32LE(frame.storedBytes, headerSizeBytes + i * entrySizeBytes)
    bytes.writeUInt32LE(frame.rawBytes, headerSizeBytes + i * entrySizeBytes + 4)
  })
  const footerAt = bytes.length - seekFooterSizeBytes
  bytes.writeUInt32LE(frames.length, footerAt)
  bytes.writeUInt8(0, footerAt + 4)
  bytes.writeUInt32LE(seekableMagic, footerAt + 5)
  return bytes
}

/** How long the whole table is, from the last bytes of the stream (at least the footer). */
export function seekTableSizeFromEnd(end: Uint8Array): number {
  if (end.length < seekFooterSizeBytes) throw corrupt('it is cut off')
  const view = viewOf(end)
  const footerAt = end.length - seekFooterSizeBytes
  if (view.getUint32(footerAt + 5, true) !== seekableMagic)
    throw corrupt('the seek table is missing at the end')
  if (view.getUint8(footerAt + 4) !== 0)
    throw corrupt('the seek table has a descriptor that holdfast does not write')
  return seekTableSizeBytes(view.getUint32(footerAt, true))
}

/** Reads a whole table: exactly the bytes from its magic to the end of the stream. */
export function decodeSeekTable(table: Uint8Array): FrameSize[] {
  const sizeBytes = seekTableSizeFromEnd(table)
  const view = viewOf(table)
  if (
    sizeBytes !== table.length ||
    view.getUint32(0, true) !== skippableMagic ||
    view.getUint32(4, true) !== sizeBytes - headerSizeBytes
  ) {
    throw corrupt('the seek table does not have the size that it names')
  }
  const count = (sizeBytes - headerSizeBytes - seekFooterSizeBytes) / entrySizeBytes
  return Array.from({ length: count }, (_, i) => ({
    storedBytes: view.getUint32(headerSizeBytes + i * entrySizeBytes, true),
    rawBytes: view.getUint32(headerSizeBytes + i * entrySizeBytes + 4, true),
  }))
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const corrupt = (why: string): Fault =>
  new Fault('OBJECT_CORRUPT', `a zstd stream has no valid seek table: ${why}`, {
    hint: 'Run `holdfast verify` to see what else is damaged, and restore from another repository or backup.',
  })
