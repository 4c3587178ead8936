/** A bucket that is not there is never made in silence: who pays for it, where it lies and who may read it is not ours to choose. */
import { Fault } from '../../base/fault.ts'
import type { BucketPlace } from '../../policy/rights/bucket-place.ts'
import { aws } from '../../policy/rights/s3-bucket.ts'

export function missingBucket(place: BucketPlace, cause: Fault): Fault {
  return new Fault('REPOSITORY_MISSING', `there is no ${whatOf(place)}`, {
    hint: `Check the name and where it is looked for (endpoint, region), or make it, and run this again: ${commandOf(place)}`,
    cause,
  })
}

function whatOf({ kind, bucket, endpoint, region }: BucketPlace): string {
  const where = endpoint ?? (region === undefined ? undefined : `region ${region}`)
  return `${kind === 'az' ? 'container' : 'bucket'} ${bucket}${where === undefined ? '' : ` at ${where}`}`
}

/**
 * Versions are turned on at once: they are what helps after a theft, and can not be had afterwards. Not on servers of which
 * we do not know whether they refuse a second write where they keep versions; there `doctor` advises it later.
 */
function commandOf(place: BucketPlace): string {
  const { kind, bucket, region, endpoint, lock } = place
  switch (kind) {
    case 's3': {
      // Amazon wants every region named but the first one.
      const constraint =
        region === undefined || region === 'us-east-1'
          ? ''
          : ` --create-bucket-configuration LocationConstraint=${region}`
      const locked = lock === undefined ? '' : ' --object-lock-enabled-for-bucket'
      const made = `${aws(place)} create-bucket --bucket ${bucket}${constraint}${locked}`
      return lock === undefined && endpoint === undefined
        ? `${made} && ${aws(place)} put-bucket-versioning --bucket ${bucket} --versioning-configuration Status=Enabled`
        : made
    }
    case 'gs':
      return (
        `gcloud storage buckets create gs://${bucket} --uniform-bucket-level-access --location=${region ?? 'LOCATION'}` +
        `${lock === undefined ? '' : ' --enable-per-object-retention'} && gcloud storage buckets update gs://${bucket} --versioning`
      )
    case 'az':
      return `az storage container create --name ${bucket} --account-name ACCOUNT --auth-mode login`
  }
}
