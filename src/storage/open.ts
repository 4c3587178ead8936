/** Opens the storage that a URL names. The one place that knows which schemes there are. */
import { fileURLToPath } from 'node:url'
import { Fault, messageOf } from '../base/fault.ts'
import { retryWith, type Retry } from '../base/retry.ts'
import { minute, second } from '../base/units.ts'
import type { World } from '../base/world.ts'
import type { CloudAccess } from '../cloud/access.ts'
import type { Retrying } from './retry-teller.ts'
import type { Storage } from './storage.ts'
import { withMoved, type Moved } from './with-moved.ts'
import { withRetry } from './with-retry.ts'

/** All that is needed to open a storage, as plain data: it is sent to worker threads, which open their own. */
export interface StorageDescription {
  readonly url: string
  /** What the configuration calls it, for what is told of it. */
  readonly name?: string | undefined
  /** Make the place when it is not there; only `init` does. */
  readonly make?: boolean
  /** Read the place as it was at that time: what was deleted or written over since is seen as it was then. Nothing can be written. */
  readonly asOfMs?: number | undefined
  /** See what lies in one folder of it as if it were another one. */
  readonly moved?: Moved | undefined
  readonly access?: ObjectStorageAccess | undefined
  /** What newly written objects are given. The first rule whose pattern matches the key counts. */
  readonly rules?: readonly ObjectRule[] | undefined
}

/** How to reach an object storage; each kind takes what it knows. */
export interface ObjectStorageAccess extends CloudAccess {
  /** `http://host/bucket/key` instead of `http://bucket.host/key`. */
  readonly pathStyle?: boolean | undefined
  readonly requesterPays?: boolean | undefined
  readonly serverSideEncryption?: ServerSideEncryption | undefined
  /**
   * `conditional`: the server refuses a second write of a key by itself. `check`: it can not; each write looks first, and
   * two writers at the same moment are kept apart by nothing but the lease. Chosen openly, see docs/object-storage.md.
   */
  readonly writeOnce?: 'conditional' | 'check' | undefined
}

export type ServerSideEncryption =
  | { readonly kind: 'server-key' }
  /** Without `keyId`: the vendor's default key. */
  | { readonly kind: 'kms'; readonly keyId?: string | undefined }
  /** 256 bits, base64: the server keeps no copy. */
  | { readonly kind: 'customer-key'; readonly keyBase64: string }

/** `*` in `pattern` stands for any run of characters without `/`, and `**` for any run at all. */
export interface ObjectRule {
  readonly pattern: string
  readonly storageClass?: string | undefined
  readonly tags?: Readonly<Record<string, string>> | undefined
  /** A new object is locked for so long from the moment it is written. */
  readonly lock?: { readonly mode: 'governance' | 'compliance'; readonly forMs: number } | undefined
}

/** Drivers whose one call is several requests (parts, ranges) try those again by themselves, with the `retry` given. */
type OpenDriver = (url: URL, description: StorageDescription, world: World, retry: Retry) => Promise<Storage>

/** A driver is loaded when it is used: those of object storage bring large packages. */
const drivers: Readonly<Record<string, OpenDriver>> = {
  'file:': async (url, { make = false, asOfMs }, world) => {
    if (asOfMs !== undefined) throw withoutVersions(url)
    const { openFsStorage } = await import('./drivers/fs.ts')
    return openFsStorage(folderOf(url), { makeRoot: make, world })
  },
  's3:': async (...given) => (await import('./drivers/s3.ts')).openS3Storage(...given),
  'gs:': async (...given) => (await import('./drivers/gcs.ts')).openGcsStorage(...given),
  'az:': async (...given) => (await import('./drivers/azure.ts')).openAzureStorage(...given),
}

export type OpenStorage = typeof openStorage

const retryRule = { attemptsMax: 7, pauseMsFirst: 200, pauseMsMax: 8 * second, totalMsMax: 2 * minute }

/** `onRetry` is told of each request that failed and is made again. */
export async function openStorage(
  description: StorageDescription,
  world: World,
  onRetry?: (retrying: Retrying) => void,
): Promise<Storage> {
  const url = parseUrl(description.url)
  const open = drivers[url.protocol]
  if (open) {
    const retry = retryWith(world, retryRule, ({ fault: { message }, ...failed }) => {
      onRetry?.({ ...failed, repository: description.name ?? description.url, message })
    })
    const storage = withRetry(await open(url, description, world, retry), retry)
    return description.moved ? withMoved(storage, description.moved) : storage
  }
  throw new Fault(
    'CONFIG_INVALID',
    `storage of the kind ${url.protocol}// is not supported: ${description.url}`,
    {
      hint: `Use one of ${Object.keys(drivers)
        .map(scheme => `${scheme}//`)
        .join(', ')}, for example file:///srv/backups.`,
    },
  )
}

function withoutVersions({ href }: URL): Fault {
  return new Fault('STORAGE_UNSUPPORTED', `${href} can not be read as of an earlier time: it is a folder`, {
    hint: 'Only buckets with versions keep what was deleted or overwritten; leave out --as-of, or name such a repository (--repository NAME).',
  })
}

function parseUrl(text: string): URL {
  const url = URL.parse(text)
  if (url) return url
  throw new Fault('CONFIG_INVALID', `${text} is not a URL`, {
    hint: 'Write a folder as file:///absolute/path, a bucket as s3://bucket/prefix, gs://bucket/prefix or az://container/prefix.',
  })
}

function folderOf(url: URL): string {
  try {
    return fileURLToPath(url)
  } catch (error) {
    const hint = 'A folder is written with three slashes: file:///srv/backups.'
    throw new Fault(
      'CONFIG_INVALID',
      `${url.href} does not name a folder of this host: ${messageOf(error)}`,
      { hint, cause: error },
    )
  }
}
