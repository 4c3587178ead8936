/**
 * Requests to the JSON API of Google Cloud Storage, sent by the SDK's own client, which adds the credentials.
 *
 * The SDK's methods for files and buckets are not used: they can not be stopped by a signal, delete an object whose
 * checksum surprises them, and repeat by their own rules; a request here is one request.
 */
import { Readable } from 'node:stream'
import type { gaxios } from 'google-auth-library'
import { Fault, messageOf } from '../../../base/fault.ts'
import { limits } from '../../../base/limits.ts'
import type { World } from '../../../base/world.ts'
import { unreachable } from '../../../cloud/network.ts'
import { openPace } from '../../../cloud/pace.ts'
import { watch, type Watch } from '../../../cloud/watch.ts'
import type { GoogleAccess } from './credentials.ts'
import { refused } from './faults.ts'

export interface GcsCall {
  /** For messages: `writing KEY`. */
  readonly what: string
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Beneath the endpoint, or a whole URL that the storage gave us. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | undefined>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: readonly Uint8Array[]
  /** A larger answer is given up. */
  readonly answerSizeBytesMax?: number
  /** Other answers than 2xx that the caller knows what to do with. */
  readonly expects?: readonly number[]
}

export interface GcsReply {
  readonly status: number
  readonly headers: Headers
  readonly pieces: readonly Uint8Array[]
  /** It said that it is larger than is taken, and was not read. */
  readonly isTooLarge: boolean
  readonly text: string
}

export interface GcsClient {
  /** An answer that is neither 2xx nor expected is a fault. */
  request(call: GcsCall, signal: AbortSignal): Promise<GcsReply>
}

export interface GcsClientOptions {
  readonly location: string
  readonly world: World
  readonly requesterPays: boolean
  /** Shorter ones are for tests. */
  readonly silenceMsMax?: number | undefined
}

export function openGcsClient(google: GoogleAccess, options: GcsClientOptions): GcsClient {
  const { location, world, requesterPays, silenceMsMax } = options
  const pace = openPace(world)
  const send = async (call: GcsCall, watched: Watch): Promise<GcsReply> => {
    await watched.over(assertCredentials(google, location))
    const url = new URL(call.path, google.endpoint)
    for (const [name, value] of Object.entries(call.query ?? {}))
      if (value !== undefined) url.searchParams.set(name, value)
    if (requesterPays) url.searchParams.set('userProject', await watched.over(google.projectId()))
    const response = await watched.over(google.auth.request<Readable>(optionsFor(call, url, watched)))
    const { status, headers, data } = response
    if (Number(headers.get('content-length')) > answerSizeBytesMaxOf(call)) {
      if (typeof data !== 'string') data.destroy()
      return replyOf(status, headers, 'too large')
    }
    const pieces = await watched.over(collected(data, answerSizeBytesMaxOf(call), watched))
    assertWhole(pieces, headers)
    return replyOf(status, headers, pieces)
  }
  const once = async (call: GcsCall, signal: AbortSignal): Promise<GcsReply> => {
    const sizeBytes = sizeOf(call.body ?? []) + (call.answerSizeBytesMax ?? 0)
    const watched = watch(world.clock, { location, what: call.what, sizeBytes, silenceMsMax }, signal)
    try {
      return await send(call, watched)
    } catch (error) {
      throw unreachable(error, location, call.what, watched.signal)
    } finally {
      watched.end()
    }
  }
  return {
    request: (call, signal) =>
      pace.run(async () => {
        const reply = await once(call, signal)
        if ((reply.status >= 200 && reply.status < 300) || call.expects?.includes(reply.status)) return reply
        throw refused(location, call.what, reply)
      }, signal),
  }
}

/** Asks for a token first (the SDK keeps it), so that trouble with credentials is told from trouble with the storage. */
async function assertCredentials({ auth }: GoogleAccess, location: string): Promise<void> {
  try {
    await auth.getRequestHeaders()
  } catch (error) {
    throw new Fault('STORAGE_CREDENTIALS', `${location}: no credentials: ${messageOf(error).slice(0, 300)}`, {
      hint: 'Give a key file by GOOGLE_APPLICATION_CREDENTIALS or credentials.key, log in by `gcloud auth application-default login`, or run where the metadata server gives an account.',
      cause: error,
    })
  }
}

function optionsFor(call: GcsCall, url: URL, watched: Watch): gaxios.GaxiosOptions {
  const options: gaxios.GaxiosOptions & { compress: boolean } = {
    method: call.method,
    url: url.href,
    headers: { ...call.headers, ...(call.body && { 'content-length': String(sizeOf(call.body)) }) },
    ...(call.body && sizeOf(call.body) > 0 && { data: Readable.from(slices(call.body, watched)) }),
    responseType: 'stream',
    validateStatus: () => true,
    retry: false,
    signal: watched.signal,
    // What is stored is compressed already, and a transformed answer would not have the length it names.
    compress: false,
  }
  return options
}

/** In small steps, each of which shows that the connection takes what we send. */
function* slices(pieces: readonly Uint8Array[], watched: Watch): Generator<Uint8Array> {
  for (const piece of pieces)
    for (let at = 0; at < piece.length; at += limits.objectSliceSizeBytes) {
      watched.alive()
      yield piece.subarray(at, at + limits.objectSliceSizeBytes)
    }
  watched.alive()
}

async function collected(
  body: Readable | string,
  answerSizeBytesMax: number,
  watched: Watch,
): Promise<readonly Uint8Array[]> {
  // The client gives an empty text, not a stream, when the answer can have no body.
  if (typeof body === 'string') return [Buffer.from(body)]
  const pieces: Uint8Array[] = []
  let sizeBytes = 0
  for await (const piece of body as AsyncIterable<Uint8Array>) {
    watched.alive()
    pieces.push(piece)
    sizeBytes += piece.length
    if (sizeBytes > answerSizeBytesMax) throw new Error('the answer is larger than what was asked for')
  }
  return pieces
}

/** A body that ends before the length it was said to have is an error, whatever the client thinks of it. */
function assertWhole(pieces: readonly Uint8Array[], headers: Headers): void {
  const said = headers.get('content-length')
  if (said === null || Number(said) === sizeOf(pieces)) return
  throw new Error(`the answer broke off after ${String(sizeOf(pieces))} of ${said} bytes`)
}

function replyOf(status: number, headers: Headers, body: readonly Uint8Array[] | 'too large'): GcsReply {
  const pieces = body === 'too large' ? [] : body
  return {
    status,
    headers,
    pieces,
    isTooLarge: body === 'too large',
    get text() {
      return Buffer.concat(pieces).toString()
    },
  }
}

const answerSizeBytesMaxOf = ({ answerSizeBytesMax = limits.recordSizeBytesMax }: GcsCall): number =>
  answerSizeBytesMax

export function sizeOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0)
}
