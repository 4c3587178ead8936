/** One object in one request: its description and its bytes, with the checksum that the server has to find. */
import { sizeOf } from './client.ts'
import { crc32c, encodeCrc32c } from './crc32c.ts'
import { lookAt } from './look.ts'
import { parseObject } from './objects.ts'
import { bucketPath, nameOf, type GcsPlace } from './place.ts'
import { unlessWithoutLocks } from './traits.ts'
import { assertTaken, assertWritten, type Sent } from './written.ts'

export type Outcome = 'written' | 'taken'

export function sentOf(pieces: readonly Uint8Array[]): Sent {
  return {
    sizeBytes: sizeOf(pieces),
    crc32c: encodeCrc32c(pieces.reduce((crc, piece) => crc32c(piece, crc), 0)),
  }
}

export async function uploadWhole(
  place: GcsPlace,
  key: string,
  pieces: readonly Uint8Array[],
  sent: Sent,
  signal: AbortSignal,
): Promise<Outcome> {
  if (await isTaken(place, key, signal)) return 'taken'
  const boundary = Buffer.from(place.world.randomBytes(16)).toString('hex')
  const description = JSON.stringify({ ...descriptionOf(place, key), crc32c: sent.crc32c })
  const made = place.client.request(
    {
      what: `writing ${key}`,
      method: 'POST',
      path: `/upload${bucketPath(place)}/o`,
      query: { uploadType: 'multipart', ...writeQuery(place, key) },
      headers: { ...place.keyHeaders, 'content-type': `multipart/related; boundary=${boundary}` },
      body: [
        Buffer.from(
          `--${boundary}\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n${description}\r\n` +
            `--${boundary}\r\ncontent-type: ${contentType}\r\n\r\n`,
        ),
        ...pieces,
        Buffer.from(`\r\n--${boundary}--\r\n`),
      ],
      expects: [412],
    },
    signal,
  )
  const reply = await unlessWithoutLocks(place, key, made, signal)
  if (reply.status === 412) {
    await place.retry(() => assertTaken(place, key, signal), signal)
    return 'taken'
  }
  const replied = parseObject(reply.text, place.location)
  // What was written is not sent again because looking at it failed.
  await place.retry(() => assertWritten(place, key, replied, sent, signal), signal)
  return 'written'
}

const contentType = 'application/octet-stream'

/** What the object is given besides its bytes. Tags become its custom metadata: Google's storage has no other. */
export function descriptionOf(place: GcsPlace, key: string): Record<string, unknown> {
  const { storageClass, tags, lock } = place.ruleFor(key) ?? {}
  return {
    name: nameOf(place, key),
    contentType,
    storageClass,
    metadata: tags,
    retention: lock && {
      mode: retentionModes[lock.mode],
      retainUntilTime: new Date(place.world.clock.now() + lock.forMs).toISOString(),
    },
  }
}

export const retentionModes = { governance: 'Unlocked', compliance: 'Locked' } as const

/** Generation 0 stands for "not there". */
export function writeQuery(place: GcsPlace, key: string): Record<string, string | undefined> {
  return {
    name: nameOf(place, key),
    ifGenerationMatch: place.writeOnce === 'conditional' ? '0' : undefined,
    kmsKeyName: place.kmsKeyName,
  }
}

/** Where the server takes no conditions: a look before the write. Two at the same moment are not kept apart by it. */
export async function isTaken(place: GcsPlace, key: string, signal: AbortSignal): Promise<boolean> {
  return place.writeOnce === 'check' && (await lookAt(place, key, signal)) !== undefined
}
