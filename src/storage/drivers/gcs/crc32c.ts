/** CRC-32C as Google Cloud Storage writes it: base64 of its four bytes, the most significant first. */
import { crc32c as update } from '@node-rs/crc32'

/** Of `bytes`, or of all bytes so far when that of the bytes before is given. */
export function crc32c(bytes: Uint8Array, before = 0): number {
  return update(bytes, before)
}

export function encodeCrc32c(crc: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc >>> 0)
  return bytes.toString('base64')
}
