/** A file as it is written by a restore. Large parts are written by the thread pool while the next are decompressed. */
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fdatasync,
  futimesSync,
  openSync,
  write,
  writeSync,
} from 'node:fs'
import { promisify } from 'node:util'
import { Fault, errnoOf, messageOf } from '../../../base/fault.ts'
import { limits } from '../../../base/limits.ts'
import type { ManifestFile } from '../../../repository/format/manifest.ts'
import type { FileOwner } from '../messages.ts'

const writeAsync = promisify(write)
const datasync = promisify(fdatasync)

export class TargetFile {
  readonly #path: string
  readonly #fd: number
  #dirtyBytes = 0
  #syncing: Promise<unknown> = Promise.resolve()

  private constructor(path: string, fd: number) {
    this.#path = path
    this.#fd = fd
  }

  static open(path: string): TargetFile {
    return new TargetFile(
      path,
      attempt(path, () => openSync(path, flags, 0o600)),
    )
  }

  writeNow(bytes: Uint8Array, atBytes: number): void {
    attempt(this.#path, () => {
      for (let done = 0; done < bytes.length;)
        done += writeSync(this.#fd, bytes, done, bytes.length - done, atBytes + done)
    })
  }

  /** Returns before the bytes are written; they must stay as they are until the promise settles. */
  async write(bytes: Uint8Array, atBytes: number): Promise<void> {
    try {
      for (let done = 0; done < bytes.length;) {
        done += (await writeAsync(this.#fd, bytes, done, bytes.length - done, atBytes + done)).bytesWritten
      }
    } catch (error) {
      throw unwritable(this.#path, error)
    }
    this.#startWriteback(bytes.length)
  }

  /** Sets mode, owner and time, and closes. Not yet durable: the whole restore is synced at its end. */
  async finish({ mode, modifiedMs }: ManifestFile, owner: FileOwner | undefined): Promise<void> {
    await this.#syncing
    attempt(this.#path, () => {
      if (owner) fchownSync(this.#fd, owner.userId, owner.groupId)
      if (mode !== 0o600) fchmodSync(this.#fd, mode)
      futimesSync(this.#fd, modifiedMs / 1000, modifiedMs / 1000)
      closeSync(this.#fd)
    })
  }

  async abandon(): Promise<void> {
    await this.#syncing.catch(() => undefined)
    closeSync(this.#fd)
  }

  /** Lets the disk work while we decompress, so that little is left for the sync at the end. */
  #startWriteback(bytes: number): void {
    this.#dirtyBytes += bytes
    if (this.#dirtyBytes < limits.writebackSizeBytes) return
    this.#dirtyBytes = 0
    this.#syncing = this.#syncing.then(() => datasync(this.#fd))
    this.#syncing.catch(() => undefined)
  }
}

const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW

function attempt<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw unwritable(path, error)
  }
}

export function unwritable(path: string, cause: unknown): Fault {
  if (['ENOSPC', 'EDQUOT'].includes(errnoOf(cause) ?? '')) {
    return new Fault('SPACE', `no space is left to write ${path}`, {
      hint: 'Make room, or restore to another directory; then run the same command with --delta, which keeps what is right.',
      cause,
    })
  }
  return new Fault('TARGET_DIRECTORY', `can not write ${path}: ${messageOf(cause)}`, {
    hint: 'Check that the target directory belongs to you and that its file system is writable.',
    cause,
  })
}
