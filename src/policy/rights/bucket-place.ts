/** What a policy is made for: one cluster in one repository in object storage, as plain facts. */
import type { Place, Role } from './roles.ts'

/** Where each kind of object lies, relative to the repository: `*` stands for a run of characters, as does `**`. */
export type RepositoryPlaces = Readonly<Record<Place, readonly string[]>>

export interface BucketPlace {
  readonly kind: 's3' | 'gs' | 'az'
  /** Azure says container. */
  readonly bucket: string
  /** The folder of the repository in the bucket: empty, or ends in `/`. */
  readonly root: string
  /** The folder of the cluster in the bucket; ends in `/`. */
  readonly clusterRoot: string
  readonly places: RepositoryPlaces
  readonly region: string | undefined
  readonly endpoint: string | undefined
  /** Whether Holdfast encrypts what it stores. */
  readonly sealed: boolean
  readonly serverSideEncryption: ServerSideEncryptionKind | undefined
  readonly tags: boolean
  readonly lock: 'governance' | 'compliance' | undefined
  /** The longest that the rules could ask for a lock; undefined: they set no end, or nothing is locked. */
  readonly lockDaysMax: number | undefined
  readonly requesterPays: boolean
  /** Whether the server refuses a second write by itself; else Holdfast looks first, and sends no condition. */
  readonly conditional: boolean
}

export type ServerSideEncryptionKind =
  | { readonly kind: 'server-key' }
  /** Without `keyId`: the vendor's default key. */
  | { readonly kind: 'kms'; readonly keyId: string | undefined }
  | { readonly kind: 'customer-key' }

/** What the configuration does not know; without it a placeholder stands in the policy, in capital letters. */
export interface PolicyNames {
  /** AWS: the account's id. Google: the project. Azure: the resource id of the storage account. */
  readonly account: string | undefined
  /** Who acts in which role, in the vendor's words. */
  readonly principals: Readonly<Partial<Record<Role, string>>>
}

/** A document of the vendor's, and what to do with it. */
export interface PolicyText {
  readonly document: unknown
  /** Commands that take the document on their standard input, in order. */
  readonly apply: readonly string[]
  /** What to know before: sentences. */
  readonly notes: readonly string[]
}

/** The keys of these kinds of objects, as patterns within the bucket. */
export function patternsOf({ root, places }: BucketPlace, kinds: readonly Place[]): readonly string[] {
  const patterns = [...new Set(kinds.flatMap(kind => places[kind]))]
  return patterns
    .filter(pattern => !patterns.some(other => other !== pattern && covers(other, pattern)))
    .map(pattern => `${root}${pattern.replaceAll('**', '*')}`)
}

/** `a/**` covers whatever else begins with `a/`. */
function covers(pattern: string, other: string): boolean {
  return pattern.endsWith('/**') && other.startsWith(pattern.slice(0, -2))
}

/** A pattern as vendors without wildcards can test it: what stands between two runs of it is not asked for. */
export function headAndTail(pattern: string): {
  readonly head: string
  readonly tail: string
  readonly exact: boolean
} {
  const first = pattern.indexOf('*')
  if (first < 0) return { head: pattern, tail: '', exact: true }
  return {
    head: pattern.slice(0, first),
    tail: pattern.slice(pattern.lastIndexOf('*') + 1),
    exact: false,
  }
}
