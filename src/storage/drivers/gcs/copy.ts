/**
 * Copies an object inside Google's storage (`rewrite`): for large ones between classes it is asked again until it is done.
 * The proof is the CRC-32C that the server keeps of each object.
 */
import * as z from 'zod/mini'
import type { CopyOutcome, Unproven } from '../../second-ports.ts'
import { Fault } from '../../../base/fault.ts'
import { missingObject, saysNoSuchObject } from './faults.ts'
import { lookAt } from './look.ts'
import { parseAs, parseObject, type GcsObject } from './objects.ts'
import { bucketPath, nameOf, objectPath, type GcsPlace } from './place.ts'
import { unlessWithoutLocks } from './traits.ts'
import { descriptionOf, writeQuery } from './upload.ts'
import { assertWritten } from './written.ts'

export async function copyObject(
  place: GcsPlace,
  from: string,
  to: string,
  unproven: Unproven,
  signal: AbortSignal,
): Promise<CopyOutcome> {
  const source = await mustLook(place, from, signal)
  const there = await place.retry(() => lookAt(place, to, signal), signal)
  if (there) return compared(source, there)
  if (source.crc32c === undefined && unproven === 'refuse') return 'refused'
  const made = await rewrite(place, { from, to, source }, signal)
  if (made === 'taken') return compared(source, await mustLook(place, to, signal))
  const sent = { sizeBytes: source.sizeBytes, crc32c: source.crc32c ?? made.crc32c ?? '' }
  await place.retry(() => assertWritten(place, to, made, sent, signal), signal)
  return source.crc32c !== undefined && made.crc32c === source.crc32c ? 'proven' : 'made'
}

interface Job {
  readonly from: string
  readonly to: string
  readonly source: GcsObject
}

const step = z.object({
  done: z.boolean(),
  rewriteToken: z.optional(z.string()),
  resource: z.optional(z.looseObject({})),
})

async function rewrite(
  place: GcsPlace,
  { from, to, source }: Job,
  signal: AbortSignal,
): Promise<GcsObject | 'taken'> {
  const { kmsKeyName, ifGenerationMatch } = writeQuery(place, to)
  const query = { ifGenerationMatch, destinationKmsKeyName: kmsKeyName, sourceGeneration: source.generation }
  // A rule without a class would leave it in the source's.
  const description = { storageClass: 'STANDARD', ...withoutUndefined(descriptionOf(place, to)) }
  const path = `${objectPath(place, from)}/rewriteTo${bucketPath(place).replace(/^\/storage\/v1/, '')}/o/${encodeURIComponent(nameOf(place, to))}`
  for (let rewriteToken: string | undefined; ;) {
    const call = {
      what: `copying ${from} to ${to}`,
      method: 'POST' as const,
      path,
      query: { ...query, rewriteToken },
      headers: {
        ...place.keyHeaders,
        ...copySourceKey(place),
        'content-type': 'application/json; charset=UTF-8',
      },
      body: [Buffer.from(JSON.stringify(description))],
      expects: [404, 412],
    }
    const made = place.retry(() => place.client.request(call, signal), signal)
    const reply = await unlessWithoutLocks(place, to, made, signal)
    if (reply.status === 412) return 'taken'
    if (saysNoSuchObject(reply)) throw missingObject(place.location, from)
    if (reply.status === 404) throw refusedCopy(place, from, reply.text)
    const { done, resource, rewriteToken: next } = parseAs(step, reply.text, place.location)
    if (done && resource) return parseObject(JSON.stringify(resource), place.location)
    // Without a token the copy would begin anew for ever.
    if (done || next === undefined || next === '') throw refusedCopy(place, from, reply.text)
    rewriteToken = next
  }
}

/** A customer's own key opens the source, too. */
function copySourceKey({ keyHeaders }: GcsPlace): Record<string, string> {
  return Object.fromEntries(
    Object.entries(keyHeaders).map(([name, value]) => [
      name.replace('x-goog-encryption', 'x-goog-copy-source-encryption'),
      value,
    ]),
  )
}

function withoutUndefined(given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

/** What is there already, with what was to be copied. */
function compared(source: GcsObject, there: GcsObject): CopyOutcome {
  if (source.sizeBytes !== there.sizeBytes) return 'different'
  if (source.crc32c === undefined || there.crc32c === undefined) return 'taken'
  return source.crc32c === there.crc32c ? 'proven' : 'different'
}

async function mustLook(place: GcsPlace, key: string, signal: AbortSignal): Promise<GcsObject> {
  const found = await place.retry(() => lookAt(place, key, signal), signal)
  if (!found) throw missingObject(place.location, key)
  return found
}

function refusedCopy({ location }: GcsPlace, key: string, said: string): Fault {
  return new Fault(
    'STORAGE_UNSUPPORTED',
    `${location} does not copy ${key} by itself: ${said.slice(0, 200)}`,
    {
      hint: 'Check what answers at the address (endpoint): the bytes are read and written instead.',
    },
  )
}
