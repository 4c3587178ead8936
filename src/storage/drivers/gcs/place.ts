/** Where a repository lies in Google Cloud Storage, and what every request there needs to know. */
import type { Retry } from '../../../base/retry.ts'
import type { World } from '../../../base/world.ts'
import type { ObjectRule } from '../../open.ts'
import type { GcsClient } from './client.ts'

export interface GcsPlace {
  readonly location: string
  readonly bucket: string
  /** Empty, or ending in `/`. */
  readonly prefix: string
  readonly endpoint: URL
  readonly client: GcsClient
  readonly world: World
  /** For what the driver itself has to repeat: ranges, chunks, and the look after a write. */
  readonly retry: Retry
  readonly ruleFor: (key: string) => ObjectRule | undefined
  readonly writeOnce: 'conditional' | 'check'
  readonly asOfMs: number | undefined
  /** Of a customer-supplied key: goes with each request that touches an object's bytes or their checksum. */
  readonly keyHeaders: Readonly<Record<string, string>>
  /** A key of Cloud KMS, unless the bucket's own default is wanted. */
  readonly kmsKeyName: string | undefined
}

export function nameOf(place: GcsPlace, key: string): string {
  return place.prefix + key
}

export function bucketPath({ bucket }: Pick<GcsPlace, 'bucket'>): string {
  return `/storage/v1/b/${encodeURIComponent(bucket)}`
}

export function objectPath(place: GcsPlace, key: string): string {
  return `${bucketPath(place)}/o/${encodeURIComponent(nameOf(place, key))}`
}
