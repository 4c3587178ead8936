/**
 * All that the main thread and its workers say to one another. A setup is given when a worker starts and says what it
 * is for; everything is plain data.
 */
import { Fault, isFault, messageOf, type FaultCode } from '../../base/fault.ts'
import type { Encoding } from '../../pipeline/codec.ts'
import type { TarEntry } from '../../pipeline/tar.ts'
import type { ManifestFile } from '../../repository/format/manifest.ts'
import type { EntryLog } from '../../repository/packs/entry-log.ts'
import type { StorageDescription } from '../../storage/open.ts'
import type { Retrying } from '../../storage/retry-teller.ts'
import type { ReadAhead } from '../../storage/with-read-ahead.ts'
import type { Trouble } from '../sources/trouble.ts'
import type { EncodedWal, StoredWal } from '../../repository/wal-store.ts'
import type { WalToEncode } from '../wal-push/encode-wal.ts'
import type { CopyOutReport, PageRules } from './copy-out/report.ts'
import type { CheckReport } from './check/report.ts'
import type { WorkQueue } from './work-queue.ts'

export type WorkerSetup =
  CopyOutSetup | CopyInSetup | CheckSetup | EncodeWalSetup | DecodeWalSetup | PressSetup

/** What a worker starts with. */
export interface WorkerData {
  readonly setup: WorkerSetup
  /** See base/rates.ts; undefined: no rate is limited. */
  readonly rates: SharedArrayBuffer | undefined
}

export interface CopyOutSetup {
  readonly job: 'copy-out'
  readonly storage: StorageDescription
  /** Several storages, written at the same time; `storage` is then the first of them. */
  readonly mirror: MirrorSetup | undefined
  readonly dataDirectory: string
  /** What the keys of packs begin with. */
  readonly keyPrefix: string
  readonly encoding: Encoding
  readonly pages: PageRules | undefined
  readonly queue: WorkQueue
  /** One 32-bit number: that of the last pack begun; it starts at 1, which belongs to the worker with the first entries. */
  readonly packCounter: SharedArrayBuffer
  /** Directories and links, for the first pack; only one worker is given them. */
  readonly firstEntries: readonly TarEntry[] | undefined
}

export interface MirrorSetup {
  readonly members: readonly { readonly name: string; readonly storage: StorageDescription }[]
  /** See mirrorFlags. */
  readonly flags: SharedArrayBuffer
}

export interface CopyInSetup {
  readonly job: 'copy-in'
  readonly backup: string
  /** The repositories that hold the backup, the one to read from first. Never empty. */
  readonly places: readonly BackupPlace[]
  readonly readAhead: ReadAhead
  readonly targetDirectory: string
  readonly owner: FileOwner | undefined
  /** Keep files whose bytes are right already. */
  readonly delta: boolean
}

/** A backup in one of the repositories that hold it. */
export interface BackupPlace {
  /** The repository's name in the configuration. */
  readonly repository: string
  readonly storage: StorageDescription
  /** What the keys of packs begin with: the backup's folder, with a slash at the end. */
  readonly keyPrefix: string
  readonly identities: readonly string[]
}

export interface CheckSetup {
  readonly job: 'check'
  readonly storage: StorageDescription
  readonly identities: readonly string[]
  readonly keyPrefix: string
  readonly pages: PageRules | undefined
}

export interface EncodeWalSetup {
  readonly job: 'encode-wal'
}

export interface DecodeWalSetup {
  readonly job: 'decode-wal'
}

/** Compresses frames of a stream that the main thread reads, seals and stores. */
export interface PressSetup {
  readonly job: 'press'
  readonly level: number
  readonly contentChecksum: boolean
  /** Each holds a frame's raw bytes, and what it becomes. */
  readonly slots: readonly SharedArrayBuffer[]
}

export interface FileOwner {
  readonly userId: number
  readonly groupId: number
}

/** The stored object that a task is about. */
export interface PackObject {
  readonly number: number
  /** Relative to the backup's folder. */
  readonly name: string
  readonly sizeBytes: number
  readonly sha256: string
}

/** A pack in all its copies: raw offsets are the same in each of them, the objects need not be. */
export interface PackCopies {
  readonly number: number
  /** In the order of the setup's places; undefined where the pack is not. */
  readonly objects: readonly (PackObject | undefined)[]
}

export type ToWorker =
  /** Files of one pack, in the order of their offsets. */
  | { readonly kind: 'copy-in'; readonly pack: PackCopies; readonly files: readonly ManifestFile[] }
  /** Files of one pack in the order of their offsets, as lines of a manifest: there may be very many. */
  | { readonly kind: 'check'; readonly pack: PackObject; readonly entries: EntryLog }
  /** `number` comes back with the result. */
  | {
      readonly kind: 'encode-wal'
      readonly number: number
      readonly file: WalToEncode
      /** Of earlier results, to be used again. */
      readonly rooms: readonly ArrayBuffer[]
    }
  | DecodeWalTask
  | { readonly kind: 'press'; readonly slot: number; readonly rawBytes: number }
  /** Nothing more to do: finish, and tell `finished`. */
  | { readonly kind: 'finish' }
  | { readonly kind: 'abort' }

/** `number` comes back with the result. */
export interface DecodeWalTask {
  readonly kind: 'decode-wal'
  readonly number: number
  readonly file: StoredWal
  /** Of an earlier result, to be used again. */
  readonly room: ArrayBuffer | undefined
}

export type FromWorker =
  /** Ready for another task. */
  | { readonly kind: 'idle' }
  /** So many more bytes are done. */
  | { readonly kind: 'advanced'; readonly bytes: number }
  /** A request failed, and is made again. */
  | { readonly kind: 'retrying'; readonly retrying: Retrying }
  | { readonly kind: 'packed'; readonly pack: FinishedPack }
  /** A storage of the mirror is written to no longer. */
  | { readonly kind: 'dropped'; readonly member: number; readonly failure: Failure }
  | { readonly kind: 'copied-out'; readonly report: CopyOutReport }
  /** A repository did not give what it should have, and another one is asked. */
  | { readonly kind: 'passed-over'; readonly trouble: Trouble }
  | { readonly kind: 'copied-in'; readonly report: CopyInReport }
  | { readonly kind: 'checked'; readonly report: CheckReport }
  | { readonly kind: 'encoded-wal'; readonly number: number; readonly outcome: EncodeOutcome }
  | { readonly kind: 'decoded-wal'; readonly number: number; readonly outcome: DecodeOutcome }
  | { readonly kind: 'pressed'; readonly slot: number; readonly storedBytes: number }
  /** Everything is done and closed. */
  | { readonly kind: 'finished' }
  | { readonly kind: 'failed'; readonly failure: Failure }

export type EncodeOutcome = { readonly encoded: readonly EncodedWal[] } | { readonly failure: Failure }

export type DecodeOutcome = { readonly bytes: Uint8Array<ArrayBuffer> } | { readonly failure: Failure }

/** A pack that is durable, and what lies in it. */
export interface FinishedPack extends PackObject {
  readonly files: number
  readonly rawBytes: number
  readonly entries: EntryLog
}

export interface CopyInReport {
  readonly files: number
  readonly bytes: number
  /** Kept by a delta restore; not counted in `files` and `bytes`. */
  readonly filesKept: number
  readonly bytesKept: number
  /** Read from storages, as stored: of packs with their headers and seek tables. */
  readonly bytesFetched: number
}

/** A thrown error, as plain data: classes do not survive the way between threads. */
export interface Failure {
  readonly code: FaultCode | undefined
  readonly message: string
  readonly hint: string
  readonly stack: string | undefined
}

export function encodeFailure(error: unknown): Failure {
  const stack = error instanceof Error ? error.stack : undefined
  if (isFault(error)) return { code: error.code, message: error.message, hint: error.hint, stack }
  return { code: undefined, message: messageOf(error), hint: '', stack }
}

export function decodeFailure({ code, message, hint, stack }: Failure): Error {
  if (code === undefined) return new Error(message, { cause: stack })
  return new Fault(code, message, { hint, cause: stack })
}
