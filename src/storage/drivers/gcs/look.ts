/** Looking at objects: one by its key, its checksum after a write, and whether the bucket is there at all. */
import { bucketPath, nameOf, objectPath, type GcsPlace } from './place.ts'
import { missingBucket, saysNoSuchBucket, saysNoSuchObject, type ErrorReply } from './faults.ts'
import { listedFields, parseObject, parsePage, type GcsObject } from './objects.ts'

/** Undefined only when the storage itself says that the object is not there. */
export async function lookAt(
  place: GcsPlace,
  key: string,
  signal: AbortSignal,
): Promise<GcsObject | undefined> {
  const reply = await place.client.request(
    {
      what: `looking at ${key}`,
      method: 'GET',
      path: objectPath(place, key),
      headers: place.keyHeaders,
      expects: [404],
    },
    signal,
  )
  if (reply.status !== 404) return parseObject(reply.text, place.location)
  await assertObjectIsMissing(place, key, reply, signal)
  return undefined
}

/**
 * A 404 may also come for a bucket, or from something on the way that is not the storage. Taken for a missing object,
 * it would be the end of the WAL to PostgreSQL: so unless it says which, the bucket has to show itself.
 */
export async function assertObjectIsMissing(
  place: GcsPlace,
  key: string,
  reply: ErrorReply,
  signal: AbortSignal,
): Promise<void> {
  if (saysNoSuchBucket(reply)) throw missingBucket(place.location)
  // Not all servers keep to maxResults: of the object's own name there is little to list.
  if (!saysNoSuchObject(reply)) await assertBucket(place, nameOf(place, key), signal)
}

/** The bucket lists something, be it nothing, of the names that begin with `prefix`. */
export async function assertBucket(place: GcsPlace, prefix: string, signal: AbortSignal): Promise<void> {
  const reply = await place.client.request(
    {
      what: 'looking for the bucket',
      method: 'GET',
      path: `${bucketPath(place)}/o`,
      query: { prefix, maxResults: '1', fields: 'nextPageToken,items(name)' },
      expects: [404],
    },
    signal,
  )
  if (reply.status === 404) throw missingBucket(place.location)
  if (!reply.text.trimStart().startsWith('{')) parsePage(reply.text, place.location)
}

/** The version of the object that was the live one at that time. */
export async function versionAt(
  place: GcsPlace,
  key: string,
  timeMs: number,
  signal: AbortSignal,
): Promise<GcsObject | undefined> {
  const name = nameOf(place, key)
  let found: GcsObject | undefined
  for await (const objects of versionPages(place, name, name, signal)) {
    for (const object of objects) if (object.name === name) found = newerAt(timeMs, found, object)
    // Names that are longer come after all versions of this one.
    if (objects.some(object => object.name !== name)) return found
  }
  return found
}

/** Of all versions, those that were the live ones at that time, one of each name; versions of a name come together. */
export async function* liveAt(
  timeMs: number,
  pages: AsyncIterable<readonly GcsObject[]>,
): AsyncGenerator<readonly GcsObject[], void, undefined> {
  let name: string | undefined
  let found: GcsObject | undefined
  for await (const objects of pages) {
    const ready: GcsObject[] = []
    for (const object of objects) {
      if (object.name !== name && found) ready.push(found)
      found = newerAt(timeMs, object.name === name ? found : undefined, object)
      name = object.name
    }
    yield ready
  }
  if (found) yield [found]
}

/**
 * Google tells when a version ceased to be the live one; then only one was live at any time. Its testbench does not: of
 * several that never ceased, the newest is taken.
 */
function newerAt(timeMs: number, one: GcsObject | undefined, other: GcsObject): GcsObject | undefined {
  const { createdMs, deletedMs } = other
  if (createdMs > timeMs || (deletedMs !== undefined && deletedMs <= timeMs)) return one
  return one && one.createdMs > createdMs ? one : other
}

async function* versionPages(
  place: GcsPlace,
  prefix: string,
  startOffset: string,
  signal: AbortSignal,
): AsyncGenerator<readonly GcsObject[], void, undefined> {
  yield* pagesOf(place, { prefix, startOffset, versions: 'true' }, signal)
}

/** Pages of a listing; with `versions`, those that were deleted or written over, too. */
export async function* pagesOf(
  place: GcsPlace,
  query: { prefix: string; startOffset?: string | undefined; versions?: 'true' | undefined },
  signal: AbortSignal,
): AsyncGenerator<readonly GcsObject[], void, undefined> {
  let pageToken: string | undefined
  do {
    const reply = await place.client.request(
      {
        what: `listing ${query.prefix}`,
        method: 'GET',
        path: `${bucketPath(place)}/o`,
        query: { ...query, maxResults: '1000', pageToken, fields: listedFields },
        expects: [404],
      },
      signal,
    )
    if (reply.status === 404) throw missingBucket(place.location)
    const page = parsePage(reply.text, place.location)
    yield page.objects
    pageToken = page.nextPageToken
  } while (pageToken !== undefined)
}
