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
  return {
    ...inner,
    put(key, body, signal) {
      const open = (): AsyncIterable<Uint8Array> => paced(body.open(), rates, copies, signal)
      return inner.put(key, { sizeBytes: body.sizeBytes, open }, signal)
    },
    async create(key, signal): Promise<ObjectWriter> {
      const writer = await inner.create(key, signal)
      return {
        async write(bytes) {
          await rates.take('network', bytes.length * copies(), signal)
          await writer.write(bytes)
        },
        commit: () => writer.commit(),
        abort: () => writer.abort(),
      }
    },
    get: (key, range, signal) => paced(inner.get(key, range, signal), rates, () => 1, signal),
  }
}

/** Small pieces while the rate is limited, so that whoever waits for the next sees it soon. */
async function* paced(
  stream: AsyncIterable<Uint8Array>,
  rates: Rates,
  copies: () => number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for await (const piece of stream) {
    for (let at = 0; at < piece.length;) {
      const endBytes = rates.isLimited('network') ? at + limits.ratePieceSizeBytes : piece.length
      const part = piece.subarray(at, endBytes)
      await rates.take('network', part.length * copies(), signal)
      yield part
      at += part.length
    }
  }
}
