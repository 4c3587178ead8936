/** CRC-32C, the checksum of PostgreSQL's manifests and of ours, by the processor's own instruction. */
import { crc32c as update } from '@node-rs/crc32'

/** The checksum of `bytes`, or of all bytes so far when that of the bytes before is given. */
export function crc32c(bytes: Uint8Array, before = 0): number {
  return update(bytes, before)
}

/** As manifests write it: eight hexadecimal digits. */
export function formatCrc32c(crc: number): string {
  return crc.toString(16).padStart(8, '0')
}
