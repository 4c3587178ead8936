/** An object to be copied, which may be opened several times: small ones are read once and kept. */
import { createHash } from 'node:crypto'
import { limits } from '../../base/limits.ts'
import type { StoredStream } from '../../repository/stored-stream.ts'
import type { Storage } from '../../storage/storage.ts'

export interface ObjectSource {
  readonly key: string
  /** Where it lies, for messages. */
  readonly location: string
  open(): AsyncIterable<Uint8Array>
}

/** Larger ones are read again each time. */
export async function openSource(
  { storage, key, sizeBytes }: { storage: Storage; key: string; sizeBytes: number },
  signal: AbortSignal,
): Promise<ObjectSource> {
  const { location } = storage
  const stream = (): AsyncIterable<Uint8Array> => storage.get(key, undefined, signal)
  if (sizeBytes > limits.copyWholeSizeBytesMax) return { key, location, open: stream }
  const pieces = await Array.fromAsync(stream(), piece => Uint8Array.from(piece))
  return {
    key,
    location,
    async *open() {
      yield* pieces
    },
  }
}

/** Size and SHA-256 of what has passed. */
export interface Meter {
  add(piece: Uint8Array): void
  /** Once. */
  end(): StoredStream
}

export function createMeter(): Meter {
  const digest = createHash('sha256')
  let sizeBytes = 0
  return {
    add(piece) {
      digest.update(piece)
      sizeBytes += piece.length
    },
    end: () => ({ sizeBytes, sha256: digest.digest('hex') }),
  }
}

export async function* metered(
  stream: AsyncIterable<Uint8Array>,
  meter: Meter,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const piece of stream) {
    meter.add(piece)
    yield piece
  }
}

export async function measure(stream: AsyncIterable<Uint8Array>): Promise<StoredStream> {
  const meter = createMeter()
  for await (const piece of stream) meter.add(piece)
  return meter.end()
}

export function isSame(a: StoredStream, b: StoredStream): boolean {
  return a.sizeBytes === b.sizeBytes && a.sha256 === b.sha256
}
