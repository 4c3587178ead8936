/**
 * A resumable upload: the object is sent in chunks, each of which can be sent again from where the server says it is.
 * Nothing is visible before the last one, and the condition that the key is free is looked at then.
 */
import { Fault } from '../../../base/fault.ts'
import type { Retry } from '../../../base/retry.ts'
import { sizeOf, type GcsReply } from './client.ts'
import { Delivery, type Chunk } from './delivery.ts'
import { parseObject, type GcsObject } from './objects.ts'
import { bucketPath, type GcsPlace } from './place.ts'
import { unlessWithoutLocks } from './traits.ts'
import { descriptionOf, writeQuery } from './upload.ts'

export interface GcsSession {
  /** The chunk is with the server for good. */
  send(chunk: Chunk, signal: AbortSignal): Promise<void>
  /** Sends the last chunk (it may be empty) and makes the object. */
  finish(chunk: Chunk, crc32c: string, signal: AbortSignal): Promise<GcsObject | 'refused'>
  cancel(signal: AbortSignal): Promise<void>
}

/** `refused`: the key is taken already. */
export async function openSession(
  place: GcsPlace,
  key: string,
  signal: AbortSignal,
): Promise<GcsSession | 'refused'> {
  const retry = place.retry
  const begun = retry(
    () =>
      place.client.request(
        {
          what: `beginning to write ${key}`,
          method: 'POST',
          path: `/upload${bucketPath(place)}/o`,
          query: { uploadType: 'resumable', ...writeQuery(place, key) },
          headers: {
            ...place.keyHeaders,
            'content-type': 'application/json; charset=UTF-8',
            'x-upload-content-type': 'application/octet-stream',
          },
          body: [Buffer.from(JSON.stringify(descriptionOf(place, key)))],
          expects: [412],
        },
        signal,
      ),
    signal,
  )
  const reply = await unlessWithoutLocks(place, key, begun, signal)
  if (reply.status === 412) return 'refused'
  const url = reply.headers.get('location')
  if (url === null) throw strange(place, key, 'began an upload without saying where it is')
  return sessionAt(place, key, url, retry)
}

function sessionAt(place: GcsPlace, key: string, url: string, retry: Retry): GcsSession {
  const put = async (
    range: string,
    headers: Record<string, string>,
    body: readonly Uint8Array[],
    signal: AbortSignal,
  ) => {
    const reply = await place.client.request(
      {
        what: `writing ${key}`,
        method: 'PUT',
        path: url,
        headers: { ...place.keyHeaders, ...headers, 'content-range': range },
        body,
        expects: [308, 404, 410, 412],
      },
      signal,
    )
    // An answer that breaks off may have the length that it names: the server is asked again.
    if (reply.status < 300) parseObject(reply.text, place.location)
    return reply
  }

  const deliver = (chunk: Chunk, total: string, headers: Record<string, string>, signal: AbortSignal) =>
    new Delivery(chunk, total, {
      retry: work => retry(work, signal),
      ask: range => put(range, {}, [], signal),
      put: (range, body) => put(range, headers, body, signal),
      lost: how => lost(place, key, how),
    }).run()

  return {
    async send(chunk, signal) {
      const reply = await deliver(chunk, '*', {}, signal)
      assertAlive(place, key, reply)
      if (reply.status !== 308) throw strange(place, key, 'ended an upload before its last part')
    },
    async finish(chunk, crc32c, signal) {
      const total = String(chunk.startBytes + sizeOf(chunk.pieces))
      const headers = { 'x-goog-hash': `crc32c=${crc32c}` }
      const reply = await deliver(chunk, total, headers, signal)
      if (reply.status === 412) return 'refused'
      assertAlive(place, key, reply)
      return parseObject(reply.text, place.location)
    },
    async cancel(signal) {
      await place.client.request(
        { what: `giving up ${key}`, method: 'DELETE', path: url, expects: [404, 410, 499] },
        signal,
      )
    },
  }
}

function assertAlive(place: GcsPlace, key: string, { status }: GcsReply): void {
  if (status === 404 || status === 410) throw lost(place, key, 'does not know the upload any more')
  if (status === 412) throw lost(place, key, 'refuses to go on, since the key was taken meanwhile')
}

function lost({ location }: GcsPlace, key: string, how: string): Fault {
  return new Fault('STORAGE_UNAVAILABLE', `the upload of ${key} is lost: ${location} ${how}`, {
    hint: 'Run the command again: the object is written anew.',
  })
}

function strange({ location }: GcsPlace, key: string, how: string): Fault {
  return new Fault('STORAGE_UNSUPPORTED', `${location} ${how} (${key})`, {
    hint: 'Use a server that knows resumable uploads; some emulators do not.',
  })
}
