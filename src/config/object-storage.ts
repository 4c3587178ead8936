/** What a repository in object storage may say about its place, and about what is written there. */
import * as z from 'zod/mini'
import { described, duration, secret, section, text, webUrl, words } from './values.ts'
import { vendorAccess } from './vendor-access.ts'

const serverSideEncryption = z.union([
  described(z.literal('server_key'), 'With keys that the server manages (SSE-S3).'),
  section({
    kms_key: described(
      z.string(),
      "The id of a key of the vendor's key service, or the word `default` (SSE-KMS).",
    ),
  }),
  section({
    customer_key: described(secret(), '256 bits in base64, which the server does not keep (SSE-C).'),
  }),
])

/** The kinds of objects that can be told apart by where they lie. */
export const objectKinds = ['backup', 'wal', 'dump', 'archive'] as const
export type ObjectKind = (typeof objectKinds)[number]

const storageClass = text('a storage class', /^[A-Za-z0-9_-]+$/)

export const objectStorage = {
  endpoint: described(
    z.optional(webUrl()),
    "The server's address, when it is not the vendor's own. With http:// nothing is encrypted on the way but what Holdfast encrypts.",
    ['https://s3.example.com'],
  ),
  region: described(
    z.optional(z.string()),
    "The bucket's region. Without it, the vendor's configuration decides.",
    ['eu-central-1'],
  ),
  path_style: described(
    z.optional(z.boolean()),
    "S3: the bucket in the path of the URL instead of in the name of the host; most servers that are not Amazon's want it.",
  ),
  ca_file: vendorAccess.ca_file,
  profile: described(z.optional(z.string()), "S3: a profile of the vendor's own configuration files."),
  role: described(z.optional(z.string()), 'S3: the ARN of a role to take on.'),
  rights: described(
    z.optional(words(['writer', 'restorer', 'keeper', 'auditor', 'archivist', 'all'])),
    'What the credentials used here are meant to do; `doctor` says what they can do beyond it, and what they lack. `holdfast policy` makes the policies.',
  ),
  credentials: vendorAccess.credentials,
  requester_pays: described(z.optional(z.boolean()), 'Requests are paid by who makes them.'),
  server_side_encryption: described(
    z.optional(serverSideEncryption),
    'How the server encrypts what it stores, besides what Holdfast encrypts.',
  ),
  tags: described(z.optional(z.record(z.string(), z.string())), 'Tags that each object gets.', [
    { team: 'data' },
  ]),
  classes: described(
    z.optional(
      section({
        backup: described(z.optional(storageClass), 'Base backups.'),
        wal: described(z.optional(storageClass), 'WAL.'),
        dump: described(z.optional(storageClass), 'Dumps.'),
        archive: described(z.optional(storageClass), 'The yearly archive.'),
      }),
    ),
    "The storage class for each kind of object, in the vendor's words.",
    [{ backup: 'STANDARD_IA', wal: 'STANDARD' }],
  ),
  lock: described(
    z.optional(
      section({
        mode: described(
          words(['governance', 'compliance']),
          'Whether somebody with a special right may lift a lock.',
        ),
        keep: described(
          z.union([z.literal('policy'), duration()]),
          'Until when backups and WAL are locked: as long as `retention` is sure to keep them, or for a fixed time; a day at least.',
        ),
      }),
    ),
    'Objects are locked against deletion and change by the storage itself.',
  ),
  write_once: described(
    z._default(words(['conditional', 'check']), 'conditional'),
    'How a second write of an object is refused: by the server (`conditional`), or, where it can not, by looking first (`check`).',
  ),
}
