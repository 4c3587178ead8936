/** What a write left behind, compared with what was sent. */
import { Fault, isFault } from '../../../base/fault.ts'
import { lookAt } from './look.ts'
import type { GcsObject } from './objects.ts'
import type { GcsPlace } from './place.ts'

/** What was sent: all that there should be. */
export interface Sent {
  readonly sizeBytes: number
  /** In base64. */
  readonly crc32c: string
}

/**
 * A success reply is not yet an object: it is looked at once more, in an answer of its own. Who may only write can not
 * do that; then the reply's own words about size and checksum are what there is.
 */
export async function assertWritten(
  place: GcsPlace,
  key: string,
  replied: GcsObject,
  sent: Sent,
  signal: AbortSignal,
): Promise<void> {
  assertSame(place, key, replied, sent)
  const found = await lookAt(place, key, signal).catch((error: unknown) => {
    if (isFault(error, 'STORAGE_DENIED')) return replied
    throw error
  })
  if (!found) throw vanished(place, key)
  if (found.generation !== replied.generation) throw overtaken(place, key)
  assertSame(place, key, found, sent)
}

/** The storage refused because the key is taken. Only what can be seen there counts as that. */
export async function assertTaken(
  place: GcsPlace,
  key: string,
  signal: AbortSignal,
): Promise<GcsObject | undefined> {
  const found = await lookAt(place, key, signal).catch((error: unknown) => {
    if (isFault(error, 'STORAGE_DENIED')) return 'hidden' as const
    throw error
  })
  if (found === 'hidden') return undefined
  if (found) return found
  throw new Fault(
    'STORAGE_UNAVAILABLE',
    `${place.location} refused ${key} as if it were there, but it is not`,
    {
      hint: 'Try again; bytes that were changed on their way to the storage are refused like this.',
    },
  )
}

export function isSame(object: GcsObject | undefined, { sizeBytes, crc32c }: Sent): boolean {
  return object?.sizeBytes === sizeBytes && object.crc32c === crc32c
}

function assertSame({ location }: GcsPlace, key: string, { sizeBytes, crc32c }: GcsObject, sent: Sent): void {
  if (sizeBytes === sent.sizeBytes && (crc32c === undefined || crc32c === sent.crc32c)) return
  throw new Fault(
    'OBJECT_CORRUPT',
    `${key} was sent to ${location} with ${String(sent.sizeBytes)} bytes and checksum ${sent.crc32c}, and is there with ${String(sizeBytes)} and ${crc32c ?? 'none'}`,
    {
      hint: 'Delete that object, and find out what lies between this host and the storage before you write again.',
    },
  )
}

function overtaken({ location }: GcsPlace, key: string): Fault {
  return new Fault(
    'OBJECT_CONFLICT',
    `${key} in ${location} was written by somebody else at the same moment`,
    {
      hint: 'Let only one Holdfast write there at a time: this storage does not keep two apart (write_once: check).',
    },
  )
}

function vanished({ location }: GcsPlace, key: string): Fault {
  return new Fault('STORAGE_UNAVAILABLE', `${location} said that ${key} was written, but it is not there`, {
    hint: 'Try again; if it stays so, find out what answers at the address (endpoint).',
  })
}
