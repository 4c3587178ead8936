/** Writing what is not there yet, and nothing else; and looking at it afterwards. */
import { Fault, isFault } from '../../../base/fault.ts'
import { codeOf } from './faults.ts'
import { lookAt } from './look.ts'
import type { AzurePlace } from './place.ts'

export type Outcome = 'written' | 'taken'

/** What was sent: all that there should be. */
export interface Sent {
  readonly sizeBytes: number
  /** Absent: not known. */
  readonly md5: Uint8Array | undefined
}

/** A success reply is not yet an object: it is looked at once more. So is a refusal. */
export async function writeOnce(
  place: AzurePlace,
  key: string,
  sent: Sent,
  signal: AbortSignal,
  write: () => Promise<unknown>,
): Promise<Outcome> {
  if (place.writeOnce === 'check' && (await lookAt(place, key, signal))) return 'taken'
  try {
    await write()
  } catch (error) {
    if (!taken.has(codeOf(error) ?? '')) throw error
    if ((await seen(place, key, signal)) !== undefined) return 'taken'
    throw error
  }
  const found = await seen(place, key, signal)
  if (found === undefined) throw vanished(place, key)
  if (found !== 'hidden' && !isSame(found, sent)) throw differs(place, key, found, sent)
  return 'written'
}

/** Where the caller can not do all of it again: a name that is taken after a lost answer may be our own. */
export function untilWritten(
  place: AzurePlace,
  key: string,
  sent: Sent,
  signal: AbortSignal,
  write: () => Promise<unknown>,
): Promise<Outcome> {
  let tries = 0
  return place.retry(async () => {
    tries++
    const outcome = await writeOnce(place, key, sent, signal, write)
    return outcome === 'taken' && tries > 1 && (await isOurs(place, key, sent, signal)) ? 'written' : outcome
  }, signal)
}

/** Answers that are given when the name is taken, and at other times, too. */
const taken: ReadonlySet<string> = new Set([
  'BlobAlreadyExists',
  'ConditionNotMet',
  'UnauthorizedBlobOverwrite',
  'BlobImmutableDueToPolicy',
  'BlobImmutableDueToLegalHold',
  // Another writer of the same name has put its blocks together, which threw ours away.
  'InvalidBlockList',
])

type Found = NonNullable<Awaited<ReturnType<typeof lookAt>>>

/** Who may only write can not look; then the answer to the write is what there is. */
async function seen(
  place: AzurePlace,
  key: string,
  signal: AbortSignal,
): Promise<Found | 'hidden' | undefined> {
  try {
    return await place.retry(() => lookAt(place, key, signal), signal)
  } catch (error) {
    if (isFault(error, 'STORAGE_DENIED')) return 'hidden'
    throw error
  }
}

function isSame({ contentLength, contentMD5 }: Found, { sizeBytes, md5 }: Sent): boolean {
  return contentLength === sizeBytes && (!contentMD5 || !md5 || Buffer.from(contentMD5).equals(md5))
}

async function isOurs(place: AzurePlace, key: string, sent: Sent, signal: AbortSignal): Promise<boolean> {
  const found = await seen(place, key, signal)
  return (
    found !== undefined &&
    found !== 'hidden' &&
    found.contentMD5 !== undefined &&
    sent.md5 !== undefined &&
    isSame(found, sent)
  )
}

function vanished({ location }: AzurePlace, key: string): Fault {
  return new Fault('STORAGE_UNAVAILABLE', `${location} said that ${key} was written, but it is not there`, {
    hint: 'Try again; if it stays so, find out what answers at the address (endpoint).',
  })
}

function differs({ location, writeOnce }: AzurePlace, key: string, found: Found, sent: Sent): Fault {
  const message = `${key} was sent to ${location} with ${String(sent.sizeBytes)} bytes, and is there with ${String(found.contentLength)} or another checksum`
  return writeOnce === 'check'
    ? new Fault('OBJECT_CONFLICT', message, {
        hint: 'Let only one Holdfast write there at a time: this storage does not keep two apart (write_once: check).',
      })
    : new Fault('OBJECT_CORRUPT', message, {
        hint: 'Delete that object, and find out what lies between this host and the storage before you write again.',
      })
}
