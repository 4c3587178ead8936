/**
 * The writer of an object whose size is not known before. One chunk is filled while the one before is on its way, so it
 * holds two at most. What ends within the first chunk is sent in one request.
 */
import { assert } from '../../../base/assert.ts'
import { limits } from '../../../base/limits.ts'
import type { ObjectWriter } from '../../storage.ts'
import { crc32c, encodeCrc32c } from './crc32c.ts'
import { sizeOf } from './client.ts'
import type { GcsPlace } from './place.ts'
import { openSession, type GcsSession } from './session.ts'
import { isTaken, sentOf, uploadWhole, type Outcome } from './upload.ts'
import { assertTaken, assertWritten, isSame } from './written.ts'

export function openWriter(place: GcsPlace, key: string, given: AbortSignal): ObjectWriter {
  const stop = new AbortController()
  const signal = AbortSignal.any([given, stop.signal])
  let state: 'open' | 'committed' | 'aborted' = 'open'
  let session: GcsSession | 'refused' | undefined
  let pieces: Uint8Array[] = []
  let filledBytes = 0
  let sentBytes = 0
  let crc = 0
  let underWay: Promise<void> = Promise.resolve()

  const takeChunk = (): { startBytes: number; pieces: Uint8Array[] } => {
    const chunk = { startBytes: sentBytes, pieces }
    sentBytes += filledBytes
    pieces = []
    filledBytes = 0
    return chunk
  }

  const sendChunk = async (chunk: ReturnType<typeof takeChunk>): Promise<void> => {
    session ??= await openSession(place, key, signal)
    // What is taken already needs no more bytes; the writer's owner is told at the commit.
    if (session !== 'refused') await session.send(chunk, signal)
  }

  const add = async (bytes: Uint8Array): Promise<void> => {
    crc = crc32c(bytes, crc)
    pieces.push(new Uint8Array(bytes))
    filledBytes += bytes.length
    if (filledBytes < limits.gcsChunkSizeBytes) return
    await underWay
    underWay = sendChunk(takeChunk())
    // Whoever writes or commits next is told.
    underWay.catch(() => undefined)
  }

  return {
    async write(bytes) {
      assert(state === 'open', 'a writer is used only until it is committed or aborted')
      signal.throwIfAborted()
      for (let at = 0; at < bytes.length;) {
        const room = limits.gcsChunkSizeBytes - filledBytes
        await add(bytes.subarray(at, at + room))
        at += room
      }
    },
    async commit() {
      assert(state === 'open', 'a writer is used only until it is committed or aborted')
      signal.throwIfAborted()
      await underWay
      const outcome =
        session === undefined
          ? await commitWhole(place, key, pieces, signal)
          : await commitSession(place, key, session, { chunk: takeChunk(), crc }, signal)
      state = 'committed'
      return outcome
    },
    async abort() {
      if (state !== 'open') return
      state = 'aborted'
      pieces = []
      stop.abort(new Error(`the writer of ${key} was given up`))
      await underWay.catch(() => undefined)
      if (session === undefined || session === 'refused') return
      // The storage forgets an upload that is not ended after a week, and nobody pays for it.
      await session.cancel(AbortSignal.timeout(limits.storageRequestMsMax)).catch(() => undefined)
    },
  }
}

async function commitWhole(
  place: GcsPlace,
  key: string,
  pieces: readonly Uint8Array[],
  signal: AbortSignal,
): Promise<Outcome> {
  const sent = sentOf(pieces)
  let tries = 0
  const outcome = await place.retry(() => {
    tries++
    return uploadWhole(place, key, pieces, sent, signal)
  }, signal)
  if (outcome === 'written' || tries === 1) return outcome
  // The answer to an earlier try may have been lost: what is there may be ours.
  return isSame(await assertTaken(place, key, signal), sent) ? 'written' : 'taken'
}

async function commitSession(
  place: GcsPlace,
  key: string,
  session: GcsSession | 'refused',
  { chunk, crc }: { chunk: { startBytes: number; pieces: Uint8Array[] }; crc: number },
  signal: AbortSignal,
): Promise<Outcome> {
  const sent = { sizeBytes: chunk.startBytes + sizeOf(chunk.pieces), crc32c: encodeCrc32c(crc) }
  const made =
    session === 'refused' || (await isTaken(place, key, signal))
      ? 'refused'
      : await session.finish(chunk, sent.crc32c, signal)
  if (made === 'refused') {
    await place.retry(() => assertTaken(place, key, signal), signal)
    return 'taken'
  }
  await place.retry(() => assertWritten(place, key, made, sent, signal), signal)
  return 'written'
}
