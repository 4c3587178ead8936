/** How the API of a vendor is reached, and as whom: of buckets, of volumes and managed servers, of metrics. */
import * as z from 'zod/mini'
import { described, secret, section, webUrl } from './values.ts'

const credentials = section({
  access_key_id: described(z.optional(secret()), 'S3: the id of an access key.'),
  secret_access_key: described(z.optional(secret()), 'S3: its secret.'),
  session_token: described(z.optional(secret()), 'S3: the token of temporary credentials.'),
  key: described(
    z.optional(secret()),
    "Google: a service account's key file. Azure: a connection string, an account key or a SAS.",
  ),
})

export const vendorAccess = {
  endpoint: described(z.optional(webUrl()), "The API's address, when it is not the vendor's own."),
  ca_file: described(
    z.optional(z.string()),
    'A file with certificates (PEM) of own authorities, besides those of the system.',
  ),
  profile: described(z.optional(z.string()), "AWS: a profile of the vendor's own configuration files."),
  role: described(z.optional(z.string()), 'AWS: the ARN of a role to take on.'),
  credentials: described(
    z.optional(credentials),
    "Explicit credentials. Without them they are found as the vendor's own tools find them: environment, files, web identity, instance.",
  ),
}
