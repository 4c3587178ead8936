/**
 * A file that comes in several parts, as it is written by a restore.
 *
 * The frames of such a file are written with direct I/O, from buffers that are aligned for it, by the thread pool,
 * several at once, while the next are decompressed. That takes a quarter of the processor time of writing by way of the page
 * cache (measured: bench/micro), leaves nothing to be synced at the end, and does not drive out what else the host
 * has cached. What is not aligned (the end of some files) goes through the page cache.
 */
import { close, constants, fchmodSync, fchownSync, futimesSync, openSync, write } from 'node:fs'
import { promisify } from 'node:util'
import { Fault, errnoOf, isFault, messageOf } from '../../../base/fault.ts'
import type { ManifestFile } from '../../../repository/format/manifest.ts'
import type { FileOwner } from '../messages.ts'

const writeAsync = promisify(write)
const closeAsync = promisify(close)

export class TargetFile {
  readonly #path: string
  readonly #fd: number
  /** A second descriptor, for direct I/O, where the file system has it. */
  #directFd: number | undefined
  readonly #writes: Promise<void>[] = []

  private constructor(path: string, fd: number, directFd: number | undefined) {
    this.#path = path
    this.#fd = fd
    this.#directFd = directFd
  }

  static open(path: string): TargetFile {
    try {
      return new TargetFile(path, openSync(path, createFlags, 0o600), openDirect(path))
    } catch (error) {
      throw unwritable(path, error)
    }
  }

  /** Returns at once; the bytes must stay as they are until the promise settles. */
  write(bytes: Uint8Array, atBytes: number): Promise<void> {
    const writing = this.#write(bytes, atBytes)
    writing.catch(() => undefined)
    this.#writes.push(writing)
    return writing
  }

  /** Waits for the writes, sets mode, owner and time, and closes. */
  async finish({ mode, modifiedMs }: ManifestFile, owner: FileOwner | undefined): Promise<void> {
    try {
      await Promise.all(this.#writes)
      if (owner) fchownSync(this.#fd, owner.userId, owner.groupId)
      if (mode !== 0o600) fchmodSync(this.#fd, mode)
      futimesSync(this.#fd, modifiedMs / 1000, modifiedMs / 1000)
    } catch (error) {
      throw unwritable(this.#path, error)
    } finally {
      await this.close()
    }
  }

  /** Nothing is being written any more when it closes. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#writes)
    await closeAsync(this.#fd)
    if (this.#directFd !== undefined) await closeAsync(this.#directFd)
  }

  async #write(bytes: Uint8Array, atBytes: number): Promise<void> {
    try {
      if (!(await this.#writeDirect(bytes, atBytes))) await writeAll(this.#fd, bytes, atBytes)
    } catch (error) {
      throw unwritable(this.#path, error)
    }
  }

  /** False when these bytes can not be written so. */
  async #writeDirect(bytes: Uint8Array, atBytes: number): Promise<boolean> {
    const isAligned = [bytes.byteOffset, bytes.length, atBytes].every(
      number => number % directAlignmentBytes === 0,
    )
    if (this.#directFd === undefined || !isAligned) return false
    try {
      await writeAll(this.#directFd, bytes, atBytes)
      return true
    } catch (error) {
      // A file system may want more than is usual, or find out only now that it can not do it.
      if (errnoOf(error) === 'EINVAL') return false
      throw error
    }
  }
}

/** Fits every device that is around. */
const directAlignmentBytes = 4096
export const createFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW

/** Undefined where there is no direct I/O. */
function openDirect(path: string): number | undefined {
  try {
    return openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_DIRECT)
  } catch {
    return undefined
  }
}

async function writeAll(fd: number, bytes: Uint8Array, atBytes: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    done += (await writeAsync(fd, bytes, done, bytes.length - done, atBytes + done)).bytesWritten
  }
}

/** What to say when a file or directory of the target can not be written. */
export function unwritable(path: string, cause: unknown): Fault {
  if (isFault(cause)) return cause
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
