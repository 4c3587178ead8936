/** Writes one object of a backup as a stream: compressed, sealed, hashed, and durable at the end. */
import { createHash } from 'node:crypto'
import { Fault } from '../base/fault.ts'
import { encodeStream, type Encoding } from '../pipeline/codec.ts'
import type { Storage } from '../storage/storage.ts'

export interface StoredStream {
  readonly sizeBytes: number
  /** Of the object as stored, hexadecimal. */
  readonly sha256: string
}

export interface StreamPlace {
  readonly storage: Storage
  readonly key: string
  readonly encoding: Encoding
}

export async function storeStream(
  { storage, key, encoding }: StreamPlace,
  plain: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<StoredStream> {
  const writer = await storage.create(key, signal)
  try {
    const digest = createHash('sha256')
    let sizeBytes = 0
    for await (const piece of encodeStream(plain, encoding)) {
      digest.update(piece)
      sizeBytes += piece.length
      await writer.write(piece)
    }
    if ((await writer.commit()) === 'taken') throw taken(key)
    return { sizeBytes, sha256: digest.digest('hex') }
  } catch (error) {
    await writer.abort()
    throw error
  }
}

const taken = (key: string): Fault =>
  new Fault('OBJECT_CONFLICT', `${key} is there already`, {
    hint: 'Run the backup again: it gets a new id, and thus new names.',
  })
