/** What is said of a cloud whose volumes or managed servers are snapshotted. */
import * as z from 'zod/mini'
import { described, section, text } from './values.ts'
import { vendorAccess } from './vendor-access.ts'

const copyTo = section({
  region: described(text('a region', /^[a-z0-9-]+$/), 'The other region.', ['eu-west-1']),
  kms_key: described(
    z.optional(z.string()),
    'The key there (its ARN), for copies of what is encrypted with a key of your own; without it, the default key.',
  ),
})

export const cloud = {
  instance: described(
    z.optional(text('the name of a server', /^[A-Za-z][A-Za-z0-9-]*$/)),
    'aws-rds and gcp-cloudsql: what the vendor calls the server.',
    ['gathr-db'],
  ),
  region: described(
    z.optional(text('a region', /^[a-z0-9-]+$/)),
    "AWS: the region of the volumes or the server. Without it, the vendor's configuration decides.",
    ['eu-central-1'],
  ),
  project: described(z.optional(z.string()), 'Google: the project. Without it, that of the credentials.', [
    'gathr-prod',
  ]),
  storage_location: described(
    z.optional(z.string()),
    'Google: the region, or the group of regions, in which snapshots are kept. Without it, Google chooses.',
    ['eu'],
  ),
  copy_to: described(
    z.optional(copyTo),
    'Another region that each snapshot is copied to. Of volumes, the copy is waited for; of a managed server, it goes on by itself.',
    [{ region: 'eu-west-1' }],
  ),
  tags: described(
    z._default(z.record(z.string(), z.string()), {}),
    'Tags (Google: labels) that each snapshot and each new volume gets, besides those by which Holdfast knows them.',
    [{ team: 'data' }],
  ),
  ...vendorAccess,
}
