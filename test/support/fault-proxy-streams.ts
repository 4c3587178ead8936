/** What a proxy does to the bytes of a body on their way: flips a bit, ends early, or lets them pass drop by drop. */
import { setTimeout as delay } from 'node:timers/promises'

export type Bytes = AsyncIterable<Uint8Array>

/** Flips one bit of the byte at `atByte`; in a shorter body, of the last one. */
export async function* withBitFlipped(body: Bytes, atByte: number): AsyncGenerator<Uint8Array> {
  let position = 0
  let held: Buffer | undefined
  for await (const piece of body) {
    if (held) yield held
    held = Buffer.from(piece)
    if (atByte >= position && atByte < position + held.length) flip(held, atByte - position)
    position += held.length
  }
  if (!held) return
  if (atByte >= position) flip(held, held.length - 1)
  yield held
}

/** The first `sizeBytes` of a body; the rest is read and thrown away only when `drain` says so. */
export async function* firstBytes(
  body: Bytes,
  sizeBytes: number,
  { drain = false } = {},
): AsyncGenerator<Uint8Array> {
  let left = sizeBytes
  for await (const piece of body) {
    if (left > 0) yield piece.subarray(0, left)
    left -= piece.length
    if (left <= 0 && !drain) return
  }
}

const dropsPerSecond = 20

export async function* trickled(
  body: Bytes,
  bytesPerSecond: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const dropSizeBytes = Math.max(1, Math.floor(bytesPerSecond / dropsPerSecond))
  for await (const piece of body) {
    for (let start = 0; start < piece.length; start += dropSizeBytes) {
      yield piece.subarray(start, start + dropSizeBytes)
      await delay(1000 / dropsPerSecond, undefined, { signal })
    }
  }
}

/** Reads a body and keeps it. */
export async function readAll(body: Bytes): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of body) pieces.push(piece)
  return Buffer.concat(pieces)
}

function flip(bytes: Buffer, at: number): void {
  bytes[at] = (bytes[at] ?? 0) ^ 0x10
}
