/** What the parts of the contract share. */
import {
  bodyOf,
  type Body,
  type ByteRange,
  type ObjectInfo,
  type Storage,
} from '../../src/storage/storage.ts'

export const signal = new AbortController().signal
export const KiB = 1024
export const MiB = 1024 * KiB

export const text = (content: string): Body => bodyOf(Buffer.from(content))

/** Bytes that show when a piece is missing, doubled or out of place. */
export function pattern(sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes)
  for (let at = 0; at + 4 <= sizeBytes; at += 4) bytes.writeUInt32LE((at * 2_654_435_761) >>> 0, at)
  return bytes
}

export function read(storage: Storage, key: string, range?: ByteRange): Promise<Buffer> {
  return collect(storage.get(key, range, signal))
}

export async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(pieces))
}

export function list(storage: Storage, prefix: string, after?: string): Promise<ObjectInfo[]> {
  return Array.fromAsync(storage.list({ prefix, after }, signal))
}
