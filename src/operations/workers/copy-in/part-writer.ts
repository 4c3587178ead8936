/**
 * Writes parts of files as they come out of frames, and compares each file's CRC-32C. Large parts are being written
 * while the next frames are decompressed: `free` says when a frame's buffer may be used again.
 */
import { crc32c } from '../../../pipeline/crc32c.ts'
import type { ManifestFile } from '../../../repository/format/manifest.ts'
import type { FileOwner } from '../messages.ts'
import type { FilePart } from './file-parts.ts'
import { writeSmallFile } from './small-file.ts'
import { TargetFile } from './target-file.ts'

export interface PartWriterOptions {
  readonly targetDirectory: string
  readonly owner: FileOwner | undefined
  readonly bufferCount: number
  /** Called when all of a file has come by and its sum is another one than the manifest tells; throws. */
  readonly onMismatch: (file: ManifestFile, crc: number) => never
}

interface OpenFile {
  readonly target: TargetFile
  crc: number
}

export class PartWriter {
  readonly #options: PartWriterOptions
  /** The writes that still need each buffer. */
  readonly #busy: Promise<unknown>[]
  #open: OpenFile | undefined
  /** Files of which all writes have begun. */
  #finishing: Promise<unknown> = Promise.resolve()

  constructor(options: PartWriterOptions) {
    this.#options = options
    this.#busy = Array.from({ length: options.bufferCount }, () => Promise.resolve())
  }

  /** Resolves when nothing in the buffer is needed any more. */
  async free(buffer: number): Promise<void> {
    await this.#busy[buffer]
  }

  /** Takes the next part of a file; it lies in this buffer. */
  take(part: FilePart, buffer: number): void {
    const { file, bytes, atBytes, isLast } = part
    if (isLast && atBytes === 0) {
      this.#checkSum(file, crc32c(bytes))
      writeSmallFile(this.#pathOf(file), bytes, file, this.#options.owner)
      return
    }
    const open = (this.#open ??= { target: TargetFile.open(this.#pathOf(file)), crc: 0 })
    open.crc = crc32c(bytes, open.crc)
    this.#busy[buffer] = both(this.#busy[buffer], open.target.write(bytes, atBytes))
    if (!isLast) return
    this.#checkSum(file, open.crc)
    this.#finishing = both(this.#finishing, open.target.finish(file, this.#options.owner))
    this.#open = undefined
  }

  /** Everything that was taken is written, and every file of which all parts came is complete. */
  async settle(): Promise<void> {
    await Promise.all(this.#busy)
    await this.#finishing
  }

  /** Closes a file of which not all parts came. It stays as it is. */
  async dropOpen(): Promise<void> {
    await this.#open?.target.close().catch(() => undefined)
    this.#open = undefined
  }

  /** Waits for what is under way, and closes a file that was not completed. Never throws. */
  async abandon(): Promise<void> {
    await this.dropOpen()
    await this.settle().catch(() => undefined)
  }

  #checkSum(file: ManifestFile, crc: number): void {
    if (crc !== file.crc32c) this.#options.onMismatch(file, crc)
  }

  #pathOf(file: ManifestFile): string {
    return `${this.#options.targetDirectory}/${file.path}`
  }
}

/** Fails when one of them fails, which is told to whoever awaits it. */
function both(first: Promise<unknown> | undefined, second: Promise<unknown>): Promise<unknown> {
  const all = Promise.all([first, second])
  all.catch(() => undefined)
  return all
}
