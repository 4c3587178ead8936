/**
 * Lifecycle rules that a repository can live with: they throw away uploads that nobody finished and, when asked to,
 * versions that have long been replaced or deleted. What Holdfast manages they leave alone: it deletes by plan. Decides
 * only.
 */
import { day } from '../../base/units.ts'
import { aws } from './s3-bucket.ts'
import type { BucketPlace, PolicyText } from './bucket-place.ts'

export interface LifecycleWish {
  /** Uploads that were begun so long ago are given up. */
  readonly uploadsAfterMs: number
  /** Versions that were replaced or deleted so long ago go. Not asked for: they stay for ever. */
  readonly noncurrentAfterMs: number | undefined
}

export function lifecyclePolicy(place: BucketPlace, wish: LifecycleWish): PolicyText {
  switch (place.kind) {
    case 's3':
      return s3Lifecycle(place, wish)
    case 'gs':
      return gcsLifecycle(place, wish)
    case 'az':
      return azureLifecycle()
  }
}

function s3Lifecycle(place: BucketPlace, wish: LifecycleWish): PolicyText {
  const rule = (id: string, action: object, prefix = place.root): object => ({
    ID: id,
    Status: 'Enabled',
    Filter: { Prefix: prefix },
    ...action,
  })
  const rules = [
    rule('holdfast-unfinished-uploads', {
      AbortIncompleteMultipartUpload: { DaysAfterInitiation: daysOf(wish.uploadsAfterMs) },
    }),
  ]
  if (wish.noncurrentAfterMs !== undefined)
    rules.push(
      rule('holdfast-old-versions', {
        NoncurrentVersionExpiration: { NoncurrentDays: daysOf(wish.noncurrentAfterMs) },
        // What is left of a deleted object once its last version is gone.
        Expiration: { ExpiredObjectDeleteMarker: true },
      }),
    )
  // Claims are of no use after a few minutes; who writes may not delete them.
  if (place.endpoint !== undefined)
    rules.push(rule('holdfast-old-claims', { Expiration: { Days: 1 } }, `${place.root}.claims/`))
  const command = 'put-bucket-lifecycle-configuration'
  return {
    document: { Rules: rules },
    apply: [`${aws(place)} ${command} --bucket ${place.bucket} --lifecycle-configuration file:///dev/stdin`],
    notes: [
      'This replaces all lifecycle rules of the bucket: look at them first (get-bucket-lifecycle-configuration), and join the two.',
      ...versionNotes(wish),
    ],
  }
}

function gcsLifecycle(place: BucketPlace, wish: LifecycleWish): PolicyText {
  const within = place.root === '' ? {} : { matchesPrefix: [place.root] }
  const rules: object[] = [
    {
      action: { type: 'AbortIncompleteMultipartUpload' },
      condition: { age: daysOf(wish.uploadsAfterMs), ...within },
    },
  ]
  if (wish.noncurrentAfterMs !== undefined)
    rules.push({
      action: { type: 'Delete' },
      condition: { isLive: false, daysSinceNoncurrentTime: daysOf(wish.noncurrentAfterMs), ...within },
    })
  return {
    document: { rule: rules },
    apply: [`gcloud storage buckets update gs://${place.bucket} --lifecycle-file=/dev/stdin`],
    notes: [
      'This replaces all lifecycle rules of the bucket: look at them first (gcloud storage buckets describe), and join the two.',
      ...versionNotes(wish),
    ],
  }
}

/**
 * Azure counts the age of a version from when it was written, not from when it was replaced: a rule would take at once
 * what a thief has just written over.
 */
function azureLifecycle(): PolicyText {
  return {
    document: { rules: [] },
    apply: [],
    notes: [
      'There is nothing to set: Azure itself throws away blocks that were not committed within a week.',
      'Do not set a rule for versions: Azure counts their age from when they were written, so one that was written over yesterday would go today. Soft delete counts rightly: az storage account blob-service-properties update --account-name ACCOUNT --enable-delete-retention true --delete-retention-days 30.',
    ],
  }
}

function versionNotes({ noncurrentAfterMs }: LifecycleWish): readonly string[] {
  if (noncurrentAfterMs === undefined)
    return [
      'On a bucket with versions nothing that was deleted goes away: with --versions-after 90d it does, so long after it was deleted.',
    ]
  return [
    `What somebody deletes or writes over can be read back (restore --as-of) for ${String(daysOf(noncurrentAfterMs))} days, and no longer: whoever steals credentials must be noticed within that time.`,
  ]
}

/** Vendors count whole days; never fewer than was asked for. */
const daysOf = (durationMs: number): number => Math.max(1, Math.ceil(durationMs / day))
