/**
 * The storage port: where objects live. Keys are UTF-8 paths with `/` between parts, without `.` or `..` parts,
 * and without a leading or trailing slash. Objects are written once and never replaced.
 *
 * Every driver passes one contract suite, test/contract/storage-contract.ts. Retry, limits of time, metering and
 * faults for tests are wrappers around a driver, never inside one.
 */
import type { Copying, Reach, Thawing } from './second-ports.ts'

export interface Storage {
  /** Where this is, for people to read. Never holds a secret. */
  readonly location: string

  /**
   * All or nothing: readers see the whole object or no object, and `written` means that it is durable. Never
   * replaces one: `taken` when the key exists, whatever its bytes (after a retry that may be our own first try).
   */
  put(key: string, body: Body, signal: AbortSignal): Promise<'written' | 'taken'>
  /** For a body whose length is not known before: nothing is visible before `commit`. */
  create(key: string, signal: AbortSignal): Promise<ObjectWriter>
  /** Throws OBJECT_MISSING when there is none. A range past the end of the object is cut at its end. */
  get(key: string, range: ByteRange | undefined, signal: AbortSignal): AsyncIterable<Uint8Array>
  stat(key: string, signal: AbortSignal): Promise<ObjectInfo | undefined>
  /** All objects whose keys begin with `prefix` (and come after `after`), in ascending order of their keys' UTF-8 bytes. */
  list(what: string | ListRange, signal: AbortSignal): AsyncIterable<ObjectInfo>
  /** Deleting what is not there succeeds, so a half-finished sweep can run again. */
  delete(keys: readonly string[], signal: AbortSignal): Promise<void>
  /**
   * Keeps the object from deletion and change until then. Never shortens: asking for an earlier time does nothing.
   * STORAGE_UNSUPPORTED where the place has no locks; what is not there is OBJECT_MISSING.
   */
  retain(key: string, until: Retention, signal: AbortSignal): Promise<void>
  /** What the place itself says of how it is set up, for `doctor` and for faults that must say what is lost. */
  traits(signal: AbortSignal): Promise<StorageTraits>
  /** Second ports, asked for by name: absent where the place has nothing of the kind. See second-ports.ts. */
  readonly copying?: Copying | undefined
  readonly thawing?: Thawing | undefined
  readonly reach?: Reach | undefined
  close(): Promise<void>
}

export interface ListRange {
  readonly prefix: string
  /** Only keys greater than this one, which need not exist. */
  readonly after?: string | undefined
}

/** As S3 names them: `compliance` can be lifted by nobody before its time, `governance` by who has a special right. */
export interface Retention {
  readonly mode: 'governance' | 'compliance'
  readonly untilMs: number
}

/** Absent: it could not be told, because nobody asked for it to be known or the right to ask is missing. */
export interface StorageTraits {
  /** Whether what is deleted or overwritten stays as an older version. */
  readonly versioned?: boolean | undefined
  /** Whether objects can be locked here. */
  readonly lockable?: boolean | undefined
  /** Whether every write is refused unless the server computed the same checksum over it as we did. */
  readonly checksWrites?: boolean | undefined
  /** How the server encrypts by itself, in its own words. */
  readonly encryption?: string | undefined
  /** The server's clock minus ours. */
  readonly clockSkewMs?: number | undefined
}

export interface ObjectWriter {
  /** The writer may use `bytes` until the promise resolves; the caller must not change them before. */
  write(bytes: Uint8Array): Promise<void>
  /** Makes the object durable, then visible. `taken`: the key exists already, and nothing was written. */
  commit(): Promise<'written' | 'taken'>
  /** Throws away what was written. Safe to call after a failed write or commit, and twice. */
  abort(): Promise<void>
}

/** Opens the bytes again on every call, so that a failed upload can be tried once more. */
export interface Body {
  readonly sizeBytes: number
  open(): AsyncIterable<Uint8Array>
}

/** `endBytes` is exclusive. */
export interface ByteRange {
  readonly startBytes: number
  readonly endBytes: number
}

export interface ObjectInfo {
  readonly key: string
  readonly sizeBytes: number
  /** When the storage says the object was written (its clock, not ours), in milliseconds since 1970. */
  readonly modifiedMs: number
  /** In the vendor's words; absent where there are none, or where it is the usual one and not told. */
  readonly storageClass?: string | undefined
  /** Only `stat` tells: until when it can not be deleted. */
  readonly retainedUntilMs?: number | undefined
}

export function bodyOf(bytes: Uint8Array): Body {
  return {
    sizeBytes: bytes.length,
    async *open() {
      yield bytes
    },
  }
}
