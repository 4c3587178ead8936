/** Looking at blobs: one by its key, and whether the container is there at all. */
import type { BlobGetPropertiesResponse } from '@azure/storage-blob'
import { isFault } from '../../../base/fault.ts'
import { isKey } from '../../key.ts'
import type { ObjectInfo } from '../../storage.ts'
import { codeOf } from './faults.ts'
import { keyOfName } from './names.ts'
import { blobAt, keyOf, type AzurePlace } from './place.ts'

/** Undefined only when the storage itself says that the blob is not there. */
export async function lookAt(
  place: AzurePlace,
  key: string,
  signal: AbortSignal,
): Promise<BlobGetPropertiesResponse | undefined> {
  try {
    return await place.send(
      { what: `looking at ${key}` },
      ({ abortSignal }) => blobAt(place, key).getProperties({ abortSignal, ...keyOf(place) }),
      signal,
    )
  } catch (error) {
    if (!(await isMissing(place, error, signal))) throw error
    return undefined
  }
}

/**
 * A 404 may also come for a container, or from something on the way that is not the storage. Taken for a missing object,
 * it would be the end of the WAL to PostgreSQL: so unless it says which, the container has to show itself.
 */
export async function isMissing(place: AzurePlace, error: unknown, signal: AbortSignal): Promise<boolean> {
  if (isFault(error, 'OBJECT_MISSING')) return true
  if (codeOf(error) !== undefined || !isBare404(error)) return false
  await assertContainer(place, signal)
  return true
}

function isBare404(error: unknown): boolean {
  return isFault(error) && /HTTP 404/.test(error.message)
}

export async function assertContainer(place: AzurePlace, signal: AbortSignal): Promise<void> {
  await place.send(
    { what: 'looking for the container' },
    async ({ abortSignal }) => {
      const pages = place.container.listBlobsFlat({ prefix: place.prefix, abortSignal })
      await pages.byPage({ maxPageSize: 1 }).next()
    },
    signal,
  )
}

/** One blob, or one version of it, as listings and looks have it. */
export interface Seen {
  readonly contentLength?: number | undefined
  readonly lastModified?: Date | undefined
  readonly accessTier?: string | undefined
  readonly immutabilityPolicyExpiresOn?: Date | undefined
}

export function infoOf(key: string, seen: Seen): ObjectInfo {
  return {
    key,
    sizeBytes: seen.contentLength ?? 0,
    modifiedMs: seen.lastModified?.getTime() ?? NaN,
    storageClass: seen.accessTier,
    retainedUntilMs: seen.immutabilityPolicyExpiresOn?.getTime(),
  }
}

/** What other programs put beside ours, under names that are no keys, is not seen. */
export function keyIn(place: AzurePlace, name: string): string | undefined {
  const key = keyOfName(name.slice(place.prefix.length))
  return isKey(key) ? key : undefined
}
