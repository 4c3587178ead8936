/** Listing blobs, as they are or as they were at a time. */
import type { BlobItem, ContainerListBlobFlatSegmentResponse } from '@azure/storage-blob'
import { limits } from '../../../base/limits.ts'
import { rangeOf } from '../../key.ts'
import type { ListRange, ObjectInfo } from '../../storage.ts'
import { ascending } from '../object/ascending.ts'
import { infoOf, keyIn } from './look.ts'
import { nameIn, type AzurePlace } from './place.ts'

export async function* listBlobs(
  place: AzurePlace,
  what: string | ListRange,
  signal: AbortSignal,
): AsyncGenerator<ObjectInfo, void, undefined> {
  const range = rangeOf(what)
  const items = itemsOf(place, range.prefix, range.after, signal)
  yield* ascending(
    place.asOfMs === undefined ? infos(place, items) : pastInfos(place, items, place.asOfMs),
    range,
    place.location,
  )
}

type Page = ContainerListBlobFlatSegmentResponse

/** Pages of blobs; of a place as of a time, with all versions. */
async function* itemsOf(
  place: AzurePlace,
  prefix: string,
  after: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<readonly BlobItem[], void, undefined> {
  let continuationToken: string | undefined
  do {
    signal.throwIfAborted()
    const page = await place.send(
      { what: `listing ${prefix}` },
      async ({ abortSignal }) => {
        const blobs = place.container.listBlobsFlat({
          prefix: nameIn(place, prefix),
          includeVersions: place.asOfMs !== undefined,
          // Servers that do not know it begin at the beginning; what is not wanted is left out here.
          ...(after !== undefined && { startFrom: nameIn(place, after) }),
          abortSignal,
        })
        const pages = blobs.byPage({
          maxPageSize: limits.storageListPageKeys,
          ...(continuationToken !== undefined && { continuationToken }),
        })
        const step = (await pages.next()) as IteratorResult<Page, undefined>
        return step.value
      },
      signal,
    )
    yield page?.segment.blobItems ?? []
    continuationToken = page?.continuationToken
  } while (continuationToken !== undefined && continuationToken !== '')
}

async function* infos(
  place: AzurePlace,
  pages: AsyncIterable<readonly BlobItem[]>,
): AsyncGenerator<ObjectInfo[], void, undefined> {
  for await (const items of pages) yield items.flatMap(item => infoIn(place, item))
}

function infoIn(place: AzurePlace, { name, properties }: BlobItem): ObjectInfo[] {
  const key = keyIn(place, name)
  return key === undefined ? [] : [infoOf(key, properties)]
}

/** The versions of one blob come one after the other, but a page may end among them. */
async function* pastInfos(
  place: AzurePlace,
  pages: AsyncIterable<readonly BlobItem[]>,
  asOfMs: number,
): AsyncGenerator<ObjectInfo[], void, undefined> {
  let best: BlobItem | undefined
  for await (const items of pages) {
    const done: BlobItem[] = []
    for (const item of items.filter(version => wasThere(version, asOfMs))) {
      if (best && best.name !== item.name) done.push(best)
      if (best?.name !== item.name || timeOf(item) >= timeOf(best)) best = item
    }
    yield done.flatMap(item => infoIn(place, item))
  }
  if (best) yield infoIn(place, best)
}

/**
 * The newest version that is not younger. When a blob was deleted is not told, so one that was deleted before that time
 * is seen, too, as long as the storage keeps it: more than there was, never less.
 */
function wasThere(item: BlobItem, asOfMs: number): boolean {
  return timeOf(item) <= asOfMs
}

function timeOf({ versionId, properties }: BlobItem): number {
  return versionId === undefined ? properties.lastModified.getTime() : Date.parse(versionId)
}

export async function versionAt(
  place: AzurePlace,
  key: string,
  asOfMs: number,
  signal: AbortSignal,
): Promise<BlobItem | undefined> {
  let best: BlobItem | undefined
  for await (const items of itemsOf(place, key, undefined, signal)) {
    for (const item of items.filter(version => wasThere(version, asOfMs))) {
      // Names that are longer come after all versions of this one.
      if (item.name !== nameIn(place, key)) return best
      if (!best || timeOf(item) >= timeOf(best)) best = item
    }
  }
  return best
}
