/** How the bucket is set up: what `doctor` tells, and what explains why it refuses locks. */
import * as z from 'zod/mini'
import { Fault, isFault } from '../../../base/fault.ts'
import type { StorageTraits } from '../../storage.ts'
import { skewBetween } from '../object/clock-skew.ts'
import { missingBucket, saysNoSuchBucket } from './faults.ts'
import { parseAs } from './objects.ts'
import { bucketPath, type GcsPlace } from './place.ts'

const bucketShape = z.object({
  versioning: z.optional(z.object({ enabled: z.optional(z.boolean()) })),
  objectRetention: z.optional(z.object({ mode: z.optional(z.string()) })),
  encryption: z.optional(z.object({ defaultKmsKeyName: z.optional(z.string()) })),
})

export async function traitsOf(place: GcsPlace, signal: AbortSignal): Promise<StorageTraits> {
  const { clock } = place.world
  const askedMs = clock.now()
  const reply = await place.client.request(
    {
      what: 'asking how the bucket is set up',
      method: 'GET',
      path: bucketPath(place),
      expects: [403, 404, 501],
    },
    signal,
  )
  const date = Date.parse(reply.headers.get('date') ?? '')
  const moments = { askedMs, answeredMs: clock.now() }
  const clockSkewMs = Number.isNaN(date) ? undefined : skewBetween(date, moments)
  if (saysNoSuchBucket(reply)) throw missingBucket(place.location)
  // Each write names its CRC-32C, which the server compares with its own.
  if (reply.status >= 300) return { checksWrites: true, clockSkewMs }
  const { versioning, objectRetention, encryption } = parseAs(bucketShape, reply.text, place.location)
  return {
    versioned: versioning?.enabled === true,
    lockable: objectRetention?.mode === 'Enabled',
    checksWrites: true,
    encryption: encryption?.defaultKmsKeyName ?? "keys that Google manages, or the project's default",
    clockSkewMs,
  }
}

/** Writes an object that may be given a lock. How a bucket without locks refuses that differs; it says itself that it has none. */
export async function unlessWithoutLocks<T>(
  place: GcsPlace,
  key: string,
  written: Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  try {
    return await written
  } catch (error) {
    if (!place.ruleFor(key)?.lock || !isFault(error, 'STORAGE_UNSUPPORTED', 'STORAGE_UNAVAILABLE'))
      throw error
    const traits = await traitsOf(place, signal).catch(() => undefined)
    throw traits?.lockable === false ? withoutLocks(place, error) : error
  }
}

export function withoutLocks({ location }: GcsPlace, cause: unknown): Fault {
  return new Fault('STORAGE_UNSUPPORTED', `the bucket of ${location} does not lock objects`, {
    hint: 'Turn object retention on: `gcloud storage buckets update gs://NAME --enable-per-object-retention`; it can not be turned off again.',
    cause,
  })
}
