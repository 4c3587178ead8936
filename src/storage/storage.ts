/**
 * The storage port: where objects live. Keys are UTF-8 paths with `/` between parts, without `.` or `..` parts,
 * and without a leading or trailing slash. Objects are written once and never replaced.
 *
 * Every driver passes one contract suite, test/contract/storage-contract.ts. Retry, limits of time, metering and
 * faults for tests are wrappers around a driver, never inside one.
 */
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
  /** All objects whose keys begin with `prefix`, in ascending order of their keys' UTF-8 bytes. */
  list(prefix: string, signal: AbortSignal): AsyncIterable<ObjectInfo>
  /** Deleting what is not there succeeds, so a half-finished sweep can run again. */
  delete(keys: readonly string[], signal: AbortSignal): Promise<void>
  close(): Promise<void>
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
}

export function bodyOf(bytes: Uint8Array): Body {
  return {
    sizeBytes: bytes.length,
    async *open() {
      yield bytes
    },
  }
}
