/** The two parts of an age file: who may open it, and what is sealed. */
import { createHash } from 'node:crypto'
import { isAge, nonceSizeBytes, parseAgeHeader } from './age.ts'
import { ByteQueue } from './byte-queue.ts'
import { ageHeaderSizeBytesMax } from './codec.ts'

export interface AgeParts {
  /** SHA-256, hexadecimal. */
  readonly header: string
  /** Of the nonce and all sealed chunks. */
  readonly payload: string
}

/** Hashes either part; undefined when this is no age file, or its header does not end. */
export async function hashParts(stored: AsyncIterable<Uint8Array>): Promise<AgeParts | undefined> {
  const queue = new ByteQueue(stored)
  try {
    const start = await queue.peek(ageHeaderSizeBytesMax)
    const header = isAge(start) ? parseAgeHeader(start) : undefined
    if (!header) return undefined
    const [first, second] = [createHash('sha256'), createHash('sha256')]
    first.update(await queue.take(header.payloadOffsetBytes - nonceSizeBytes))
    for (let piece = await queue.take(ageHeaderSizeBytesMax); piece.length > 0;) {
      second.update(piece)
      piece = await queue.take(ageHeaderSizeBytesMax)
    }
    return { header: first.digest('hex'), payload: second.digest('hex') }
  } finally {
    await queue.close()
  }
}
