/**
 * Reading objects, by several ranges at a time when they are large. Each range has to be exactly what was asked for; of
 * an object that is read whole, the checksum that the server names is compared at the end.
 */
import { Fault } from '../../../base/fault.ts'
import { limits } from '../../../base/limits.ts'
import { formatTime } from '../../../base/units.ts'
import type { ByteRange } from '../../storage.ts'
import { readAhead, type Fetched } from '../object/read-ahead.ts'
import { sizeOf, type GcsReply } from './client.ts'
import { crc32c, encodeCrc32c } from './crc32c.ts'
import { missingObject } from './faults.ts'
import { assertObjectIsMissing, versionAt } from './look.ts'
import { objectPath, type GcsPlace } from './place.ts'

export async function* readObject(
  place: GcsPlace,
  key: string,
  range: ByteRange | undefined,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const retry = place.retry
  const generation = await retry(() => generationOf(place, key, signal), signal)
  // Who asks for no bytes still wants to know whether the object is there.
  if (range && range.endBytes <= range.startBytes) {
    await fetchRange(place, key, { startBytes: 0, endBytes: 1 }, generation, signal)
    return
  }
  let said: string | undefined
  const pieces = readAhead(
    key,
    async (part, either) => {
      const { checksum, ...fetched } = await retry(
        () => fetchRange(place, key, part, generation, either),
        either,
      )
      said ??= checksum
      return fetched
    },
    range,
    signal,
  )
  yield* isWhole(range) ? checked(place, key, pieces, () => said) : pieces
}

const isWhole = (range: ByteRange | undefined): boolean =>
  range === undefined || (range.startBytes === 0 && range.endBytes === Number.MAX_SAFE_INTEGER)

async function* checked(
  place: GcsPlace,
  key: string,
  pieces: AsyncIterable<Uint8Array>,
  said: () => string | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  let crc = 0
  for await (const piece of pieces) {
    crc = crc32c(piece, crc)
    yield piece
  }
  const expected = said()
  if (expected === undefined || expected === encodeCrc32c(crc)) return
  throw new Fault(
    'OBJECT_CORRUPT',
    `${key} was read with the checksum ${encodeCrc32c(crc)}, and ${place.location} says ${expected}`,
    { hint: 'Read it again; if that stays so, `holdfast verify` tells what is damaged.' },
  )
}

async function generationOf(place: GcsPlace, key: string, signal: AbortSignal): Promise<string | undefined> {
  if (place.asOfMs === undefined) return undefined
  const version = await versionAt(place, key, place.asOfMs, signal)
  if (!version) throw missingObject(`${place.location} as of ${formatTime(place.asOfMs)}`, key)
  return version.generation
}

/** Of the whole object, in base64. */
interface WithChecksum extends Fetched {
  readonly checksum: string | undefined
}

async function fetchRange(
  place: GcsPlace,
  key: string,
  { startBytes, endBytes }: ByteRange,
  generation: string | undefined,
  signal: AbortSignal,
): Promise<WithChecksum> {
  const reply = await place.client.request(
    {
      what: `reading ${key}`,
      method: 'GET',
      path: objectPath(place, key),
      query: { alt: 'media', generation },
      headers: { ...place.keyHeaders, range: `bytes=${String(startBytes)}-${String(endBytes - 1)}` },
      answerSizeBytesMax: Math.max(endBytes - startBytes, limits.errorSizeBytesMax),
      expects: [404, 416],
    },
    signal,
  )
  if (reply.status === 404) {
    await assertObjectIsMissing(place, key, reply, signal)
    throw missingObject(place.location, key)
  }
  const { headers, pieces } = reply
  const objectSizeBytes = objectSizeOf(place, key, startBytes, endBytes, reply)
  return {
    pieces: objectSizeBytes <= startBytes ? [] : pieces,
    objectSizeBytes,
    version: headers.get('x-goog-generation') ?? undefined,
    checksum: /crc32c=([^,\s]+)/.exec(headers.get('x-goog-hash') ?? '')?.[1],
  }
}

/** How large the whole is; and that the part which came is the one that was asked for. */
function objectSizeOf(
  place: GcsPlace,
  key: string,
  startBytes: number,
  endBytes: number,
  { status, headers, pieces, isTooLarge }: GcsReply,
): number {
  if (status === 416) return startBytes
  const sizeBytes = isTooLarge ? Number(headers.get('content-length')) : sizeOf(pieces)
  const range = headers.get('content-range')
  // Small objects may come whole; and the emulator gives all of an object when asked for what comes after it.
  if (
    status === 200 &&
    range === null &&
    (startBytes === 0 ? sizeBytes <= endBytes : sizeBytes <= startBytes)
  )
    return sizeBytes
  // Where the part ends is told by its bytes: some servers name the end that was asked for.
  const [, first, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(range ?? '') ?? []
  if (Number(first) === startBytes && sizeBytes === Math.min(endBytes, Number(total)) - startBytes)
    return Number(total)
  throw new Fault(
    'STORAGE_UNAVAILABLE',
    `${place.location} gives another part of ${key} than was asked for`,
    {
      hint: 'Check what lies between this host and the storage: a proxy that keeps answers, or takes the Range header away, does that.',
    },
  )
}
