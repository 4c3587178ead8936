/** What S3 tells of a bucket besides its objects; see storage/bucket-settings.ts. */
import {
  DeleteObjectCommand,
  GetBucketLifecycleConfigurationCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  type LifecycleRule as S3Rule,
} from '@aws-sdk/client-s3'
import { isFault } from '../../../base/fault.ts'
import { limits } from '../../../base/limits.ts'
import type { World } from '../../../base/world.ts'
import {
  unlessRefused,
  type BucketSettings,
  type LifecycleRule,
  type UnfinishedUpload,
} from '../../bucket-settings.ts'
import type { StorageDescription } from '../../open.ts'
import { openApi, type Api } from './client.ts'
import { isCode } from './faults.ts'
import { parametersOf } from './parameters.ts'
import { placeOf } from './place.ts'

export async function openS3BucketSettings(
  url: URL,
  description: StorageDescription,
  world: World,
): Promise<BucketSettings> {
  const api = await openApi(placeOf(url), description.access ?? {}, { world, retry: work => work() })
  const { common, customerKey, newObject } = parametersOf(description)
  const { bucket: Bucket, full } = api.place
  return {
    lifecycle: signal => unlessRefused(() => rulesOf(api, signal)),
    unfinishedUploads: signal => unlessRefused(() => uploadsIn(api, signal)),
    credentialsEndMs: () => unlessRefused(() => api.credentialsEndMs()),
    mayOverwrite: (key, bytes, signal) =>
      isAllowed(() => {
        const object = { Bucket, Key: full(key), Body: bytes, ...common, ...customerKey }
        const command = new PutObjectCommand({ ...object, ...newObject(key, world.clock.now()) })
        return api.send({ doing: `writing ${key} once more`, sizeBytes: bytes.length }, command, signal)
      }),
    mayDeleteVersions: (key, signal) =>
      isAllowed(() => {
        // The version of that name is the one that an object has from before versions were turned on.
        const command = new DeleteObjectCommand({ Bucket, Key: full(key), VersionId: 'null', ...common })
        return api.send({ doing: `deleting a version of ${key}` }, command, signal)
      }),
    close: () => {
      api.close()
    },
  }
}

async function rulesOf(api: Api, signal: AbortSignal): Promise<readonly LifecycleRule[]> {
  const command = new GetBucketLifecycleConfigurationCommand({ Bucket: api.place.bucket })
  try {
    const { Rules = [] } = await api.send({ doing: 'asking for lifecycle rules' }, command, signal)
    return Rules.map(ruleOf)
  } catch (error) {
    if (isCode(error, 'NoSuchLifecycleConfiguration')) return []
    throw error
  }
}

function ruleOf(rule: S3Rule): LifecycleRule {
  const { ID = '', Status, Filter, Expiration, NoncurrentVersionExpiration, Transitions = [] } = rule
  // `Prefix` beside `Filter` is the older form, which servers still answer with.
  const { Prefix: oldPrefix } = rule as { Prefix?: string }
  const movesTo = Transitions.flatMap(({ StorageClass }) =>
    StorageClass === undefined ? [] : [StorageClass],
  )
  return {
    id: ID,
    enabled: Status === 'Enabled',
    prefix: Filter?.Prefix ?? Filter?.And?.Prefix ?? oldPrefix ?? '',
    expiresAfterDays: Expiration?.Days ?? (Expiration?.Date ? 0 : undefined),
    noncurrentExpiresAfterDays: NoncurrentVersionExpiration?.NoncurrentDays,
    abortsUploadsAfterDays: rule.AbortIncompleteMultipartUpload?.DaysAfterInitiation,
    movesTo,
    limited:
      Filter?.Tag !== undefined ||
      Filter?.And !== undefined ||
      Filter?.ObjectSizeGreaterThan !== undefined ||
      Filter?.ObjectSizeLessThan !== undefined,
  }
}

/** One answer is enough: what matters is whether there are old ones, and they come first by name at least. */
async function uploadsIn(api: Api, signal: AbortSignal): Promise<readonly UnfinishedUpload[]> {
  const command = new ListMultipartUploadsCommand({
    Bucket: api.place.bucket,
    Prefix: api.place.full(''),
    MaxUploads: limits.storageListPageKeys,
  })
  const { Uploads = [] } = await api.send({ doing: 'listing unfinished uploads' }, command, signal)
  return Uploads.map(({ Key = '', Initiated }) => ({
    key: api.place.own(Key),
    begunMs: Initiated?.getTime() ?? Number.POSITIVE_INFINITY,
  }))
}

async function isAllowed(ask: () => Promise<unknown>): Promise<boolean | undefined> {
  try {
    await ask()
    return true
  } catch (error) {
    if (isFault(error, 'STORAGE_DENIED')) return false
    // What it was about is not there, or it is locked: that is said only to who may ask.
    if (isFault(error, 'OBJECT_MISSING')) return true
    if (isFault(error, 'STORAGE_UNSUPPORTED', 'FAILED', 'OBJECT_LOCKED')) return undefined
    throw error
  }
}
