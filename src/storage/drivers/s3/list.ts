/** Lists objects, page by page; servers give names in the order of their UTF-8 bytes. */
import { ListObjectsV2Command, type ListObjectsV2CommandOutput, type _Object } from '@aws-sdk/client-s3'
import { isKey, rangeOf } from '../../key.ts'
import type { ListRange, ObjectInfo } from '../../storage.ts'
import type { Api } from './client.ts'
import type { Parameters } from './parameters.ts'

export async function* listObjects(
  api: Api,
  { common }: Parameters,
  what: string | ListRange,
  signal: AbortSignal,
): AsyncGenerator<ObjectInfo, void, undefined> {
  const { prefix, after } = rangeOf(what)
  const { bucket: Bucket, full } = api.place
  const StartAfter = after === undefined ? undefined : full(after)
  const asked = { Bucket, Prefix: full(prefix), StartAfter, ...common }
  const pageAfter = (ContinuationToken?: string): Promise<ListObjectsV2CommandOutput> =>
    api.send(
      { doing: `listing ${prefix}` },
      new ListObjectsV2Command({ ...asked, ContinuationToken }),
      signal,
    )
  signal.throwIfAborted()
  for (let page = await pageAfter(); ; page = await pageAfter(page.NextContinuationToken)) {
    for (const object of page.Contents ?? []) {
      const info = infoOf(api, object)
      if (info) yield info
    }
    if (page.NextContinuationToken === undefined) return
  }
}

/** Undefined for what others put there: consoles make "folders", which are no keys of ours; and for the driver's own. */
function infoOf(
  { place }: Api,
  { Key = '', Size = 0, LastModified, StorageClass }: _Object,
): ObjectInfo | undefined {
  const key = place.own(Key)
  if (!isKey(key)) return undefined
  return { key, sizeBytes: Size, modifiedMs: LastModified?.getTime() ?? 0, storageClass: StorageClass }
}
