/**
 * What can be asked of a bucket besides its objects: a second port, for `doctor` alone, that a kind of storage may have.
 * Nothing here changes anything. Undefined is the answer where these credentials may not ask, or the server does not know.
 */
import { Fault } from '../base/fault.ts'
import type { World } from '../base/world.ts'
import type { StorageDescription } from './open.ts'

export interface BucketSettings {
  /** The rules by which the bucket itself deletes or moves objects. */
  lifecycle(signal: AbortSignal): Promise<readonly LifecycleRule[] | undefined>
  /** Uploads in parts of this repository that nobody has finished. */
  unfinishedUploads(signal: AbortSignal): Promise<readonly UnfinishedUpload[] | undefined>
  /** When the credentials end; `never` when they do not say that they do. */
  credentialsEndMs(signal: AbortSignal): Promise<number | 'never' | undefined>
  /** Writes the very bytes that are there once more, without the condition that Holdfast's own writes have. */
  mayOverwrite(key: string, bytes: Uint8Array, signal: AbortSignal): Promise<boolean | undefined>
  /** Deletes an older version of an object that never was. */
  mayDeleteVersions(key: string, signal: AbortSignal): Promise<boolean | undefined>
  close(): void
}

export interface LifecycleRule {
  readonly id: string
  readonly enabled: boolean
  /** Of names in the bucket; empty for all. */
  readonly prefix: string
  /** What it does, in days; a date counts as 0. */
  readonly expiresAfterDays?: number | undefined
  readonly noncurrentExpiresAfterDays?: number | undefined
  readonly abortsUploadsAfterDays?: number | undefined
  /** Classes that objects are moved to. */
  readonly movesTo: readonly string[]
  /** It is for some objects only: by tag or size. */
  readonly limited: boolean
}

export interface UnfinishedUpload {
  readonly key: string
  readonly begunMs: number
}

export async function openBucketSettings(
  description: StorageDescription,
  world: World,
): Promise<BucketSettings | undefined> {
  const url = URL.parse(description.url)
  if (url?.protocol !== 's3:') return undefined
  const { openS3BucketSettings } = await import('./drivers/s3/bucket-settings.ts')
  return openS3BucketSettings(url, description, world)
}

/** Who may not ask does not know. */
export async function unlessRefused<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof Fault && refusals.has(error.code)) return undefined
    throw error
  }
}

const refusals: ReadonlySet<string> = new Set([
  'STORAGE_DENIED',
  'STORAGE_UNSUPPORTED',
  'FAILED',
  'OBJECT_MISSING',
])
