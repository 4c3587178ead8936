/**
 * What is sent to a storage and fetched from it keeps to the rate of the network. Limits of time belong inside of this
 * wrapper: who waits for a turn is not slow.
 */
import { limits } from '../base/limits.ts'
import type { Rates } from '../base/rates.ts'
import type { ObjectWriter, Storage } from './storage.ts'

/** `copies`: to so many places each byte that is written goes. */
export function withRates<S extends Storage>(inner: S, rates: Rates | undefined, copies = () => 1): S {
  if (!rates) return inner
  const sent = (bytes: Uint8Array, signal: AbortSignal): Promise<void> =>
    rates.take('network', bytes.length * copies(), signal)
  return {
    ...inner,
    put: (key, body, signal) =>
      inner.put(
        key,
        {
          sizeBytes: body.sizeBytes,
          async *open() {
            for await (const piece of inPieces(body.open())) {
              await sent(piece, signal)
              yield piece
            }
          },
        },
        signal,
      ),
    async create(key, signal): Promise<ObjectWriter> {
      const writer = await inner.create(key, signal)
      return {
        async write(bytes) {
          await sent(bytes, signal)
          await writer.write(bytes)
        },
        commit: () => writer.commit(),
        abort: () => writer.abort(),
      }
    },
    async *get(key, range, signal) {
      for await (const piece of inPieces(inner.get(key, range, signal))) {
        await rates.take('network', piece.length, signal)
        yield piece
      }
    },
  }
}

/** Small ones, so that whoever waits for the next sees it soon. */
async function* inPieces(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const sizeBytes = limits.ratePieceSizeBytes
  for await (const piece of stream)
    for (let at = 0; at < piece.length; at += sizeBytes) yield piece.subarray(at, at + sizeBytes)
}
