/** Looking at one object: what `stat` tells, and what the driver itself has to know after a write. */
import {
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type HeadObjectCommandOutput,
} from '@aws-sdk/client-s3'
import { isFault } from '../../../base/fault.ts'
import { minute } from '../../../base/units.ts'
import type { ObjectInfo } from '../../storage.ts'
import type { Api } from './client.ts'
import { bucketMissingFault, isStatus } from './faults.ts'
import type { Parameters } from './parameters.ts'

export interface Looked {
  readonly info: ObjectInfo
  /** What the writer wrote beside the object; absent where only a list could be asked. */
  readonly token: string | undefined
  readonly etag?: string | undefined
  /** The server's words about a thaw. */
  readonly restore?: string | undefined
  /** Of objects that the server moves between classes by itself: the cold one in which it lies now. */
  readonly archiveStatus?: string | undefined
}

export interface Looker {
  look(key: string, signal: AbortSignal): Promise<Looked | undefined>
  /** As `look`, and by a list where reading is refused: who may only write can see that much. */
  lookOrList(key: string, signal: AbortSignal): Promise<Looked | undefined>
  /** REPOSITORY_MISSING when there is no such bucket. */
  assertBucket(signal: AbortSignal): Promise<void>
  /** The bucket has answered: it is there. */
  seen(): void
}

/** The metadata by which a writer knows its own object again. */
export const tokenName = 'holdfast-write'

export function openLooker(api: Api, { common, customerKey }: Parameters): Looker {
  const { bucket: Bucket, full } = api.place
  let seenMs = -Infinity
  // Whether the server has once taken our signature.
  let isLetIn = false
  const now = (): number => api.world.clock.monotonicMs()

  const look: Looker['look'] = async (key, signal) => {
    const doing = `looking at ${key}`
    const command = new HeadObjectCommand({ Bucket, Key: full(key), ...common, ...customerKey })
    try {
      const answer = await api.send({ doing }, command, signal)
      seenMs = now()
      isLetIn = true
      return {
        info: infoOf(key, answer),
        token: answer.Metadata?.[tokenName],
        etag: answer.ETag,
        restore: answer.Restore,
        archiveStatus: answer.ArchiveStatus,
      }
    } catch (error) {
      if (isStatus(error, 400) || (isStatus(error, 403) && !isLetIn)) await findReason(key, signal)
      if (!isStatus(error, 404)) throw error
      // To HEAD, a bucket that is gone looks like an object that is not there.
      if (now() - seenMs > 1 * minute) await assertBucket(signal)
      return undefined
    }
  }

  /** HEAD has no body, so nothing says why it was refused; wrong or expired credentials, most of the time. A list says it. */
  const findReason = async (key: string, signal: AbortSignal): Promise<void> => {
    const command = new ListObjectsV2Command({ Bucket, Prefix: full(key), MaxKeys: 1, ...common })
    await api.send({ doing: `looking at ${key}` }, command, signal)
    isLetIn = true
  }

  const assertBucket: Looker['assertBucket'] = async signal => {
    try {
      await api.send({ doing: 'looking at the bucket' }, new HeadBucketCommand({ Bucket }), signal)
    } catch (error) {
      // Who may not look at the bucket is told so only because it is there.
      if (isStatus(error, 404)) throw bucketMissingFault(api.place.location, error)
      if (!isFault(error, 'STORAGE_DENIED')) throw error
    }
    seenMs = now()
  }

  return {
    look,
    assertBucket,
    seen: () => {
      seenMs = now()
    },
    async lookOrList(key, signal) {
      try {
        return await look(key, signal)
      } catch (error) {
        if (!isFault(error, 'STORAGE_DENIED')) throw error
      }
      const command = new ListObjectsV2Command({ Bucket, Prefix: full(key), MaxKeys: 1, ...common })
      const { Contents = [] } = await api.send({ doing: `looking for ${key}` }, command, signal)
      const found = Contents.find(({ Key }) => Key === full(key))
      if (!found) return undefined
      const info = { key, sizeBytes: found.Size ?? 0, modifiedMs: found.LastModified?.getTime() ?? 0 }
      return { info, token: undefined, etag: found.ETag }
    },
  }
}

function infoOf(key: string, answer: HeadObjectCommandOutput): ObjectInfo {
  const { ContentLength = 0, LastModified, StorageClass, ObjectLockRetainUntilDate } = answer
  return {
    key,
    sizeBytes: ContentLength,
    modifiedMs: LastModified?.getTime() ?? 0,
    storageClass: StorageClass,
    retainedUntilMs: ObjectLockRetainUntilDate?.getTime(),
  }
}
