/** What Google Cloud Storage says of an object, made ours. Sizes and generations are text in its JSON. */
import * as z from 'zod/mini'
import { Fault } from '../../../base/fault.ts'
import type { ObjectInfo, Retention } from '../../storage.ts'

export interface GcsObject {
  readonly name: string
  readonly sizeBytes: number
  /** Each write of a name makes a new one. */
  readonly generation: string
  readonly metageneration: string | undefined
  readonly createdMs: number
  /** Of a version that is not the live one any more. */
  readonly deletedMs: number | undefined
  /** In base64; not told of objects under a customer-supplied key unless the key is shown. */
  readonly crc32c: string | undefined
  readonly storageClass: string | undefined
  readonly retention: Retention | undefined
  /** By the object's own retention, or by the bucket's policy. */
  readonly retainedUntilMs: number | undefined
}

const time = z.pipe(
  z.string(),
  z.transform((text: string) => Date.parse(text)),
)

const resource = z.object({
  name: z.string(),
  // Of no bytes some servers say nothing: in Google's own format, a zero is left out.
  size: z._default(z.coerce.number(), 0),
  generation: z.coerce.string(),
  metageneration: z.optional(z.coerce.string()),
  timeCreated: time,
  timeDeleted: z.optional(time),
  crc32c: z.optional(z.string()),
  storageClass: z.optional(z.string()),
  retention: z.optional(z.object({ mode: z.optional(z.string()), retainUntilTime: z.optional(time) })),
  retentionExpirationTime: z.optional(time),
})

const page = z.object({ items: z.optional(z.array(resource)), nextPageToken: z.optional(z.string()) })

/** The fields that listings are asked for; a whole entry is ten times as long. */
export const listedFields = 'nextPageToken,items(name,size,generation,timeCreated,timeDeleted,storageClass)'

export function parseObject(text: string, location: string): GcsObject {
  return objectOf(parseAs(resource, text, location))
}

export interface GcsPage {
  readonly objects: readonly GcsObject[]
  readonly nextPageToken: string | undefined
}

export function parsePage(text: string, location: string): GcsPage {
  const { items = [], nextPageToken } = parseAs(page, text, location)
  // An empty token is none: asked again with it, the listing would begin anew.
  return { objects: items.map(objectOf), nextPageToken: nextPageToken === '' ? undefined : nextPageToken }
}

export function infoOf(key: string, object: GcsObject): ObjectInfo {
  const { sizeBytes, createdMs, storageClass, retainedUntilMs } = object
  return { key, sizeBytes, modifiedMs: createdMs, storageClass, retainedUntilMs }
}

function objectOf(given: z.infer<typeof resource>): GcsObject {
  const { mode, retainUntilTime } = given.retention ?? {}
  const until = [retainUntilTime, given.retentionExpirationTime].filter(ms => ms !== undefined)
  return {
    name: given.name,
    sizeBytes: given.size,
    generation: given.generation,
    metageneration: given.metageneration,
    createdMs: given.timeCreated,
    deletedMs: given.timeDeleted,
    crc32c: given.crc32c,
    storageClass: given.storageClass,
    retention:
      retainUntilTime === undefined
        ? undefined
        : { mode: mode === 'Locked' ? 'compliance' : 'governance', untilMs: retainUntilTime },
    retainedUntilMs: until.length === 0 ? undefined : Math.max(...until),
  }
}

export function parseAs<T extends z.ZodMiniType>(shape: T, text: string, location: string): z.infer<T> {
  try {
    return z.parse(shape, JSON.parse(text))
  } catch (error) {
    throw new Fault('STORAGE_UNAVAILABLE', `${location} answers with something else than its API says`, {
      hint: 'Check what listens at the address (endpoint): a proxy or a login page answers like this.',
      cause: error,
    })
  }
}
