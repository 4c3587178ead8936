/**
 * Which files are to be copied, in memory that all threads share: a thread takes the next piece of work by adding one to
 * a counter, without asking anybody.
 *
 * It is compact, so that millions of files fit: large files stand alone, largest first; small files stand in batches of
 * one directory, in the order of the scan, and only their names are kept (some ten bytes a file).
 */
import { assert } from '../../base/assert.ts'
import { limits } from '../../base/limits.ts'

/** Plain data: it is sent to worker threads, where all copies are the same memory. */
export interface WorkQueue {
  /** Directory and names of each piece of work, UTF-8, NUL after each. */
  readonly names: SharedArrayBuffer
  /** Where each piece ends in `names`; largest work first. Two numbers a piece: start, end. */
  readonly pieces: SharedArrayBuffer
  /** One number: the next piece. */
  readonly cursor: SharedArrayBuffer
  /** Of all files, as the scan saw them. */
  readonly totalBytes: number
  readonly fileCount: number
}

/** Files of one directory. Paths are relative to the data directory. */
export interface WorkPiece {
  readonly directory: string
  readonly names: readonly string[]
}

interface Piece {
  readonly start: number
  readonly end: number
  readonly sizeBytes: number
}

/** Fed by the scan; `close` gives the queue. */
export class WorkQueueBuilder {
  #names = new GrowingBytes()
  readonly #large: Piece[] = []
  readonly #batches = new GrowingPieces()
  #batch: { directory: string; start: number; files: number; sizeBytes: number } | undefined
  #totalBytes = 0
  #fileCount = 0

  /** `directory` is empty for the data directory itself. */
  add(directory: string, name: string, sizeBytes: number): void {
    this.#totalBytes += sizeBytes
    this.#fileCount++
    if (sizeBytes > limits.frameSizeBytesMax) {
      this.#closeBatch()
      const start = this.#names.length
      this.#names.addText(directory)
      this.#names.addText(name)
      this.#large.push({ start, end: this.#names.length, sizeBytes })
      return
    }
    if (this.#batch?.directory !== directory) this.#openBatch(directory)
    const batch = this.#batch
    assert(batch !== undefined, 'a batch is open')
    this.#names.addText(name)
    batch.files++
    batch.sizeBytes += sizeBytes
    if (batch.files >= limits.batchFilesMax || batch.sizeBytes >= limits.batchSizeBytesTarget)
      this.#closeBatch()
  }

  close(): WorkQueue {
    this.#closeBatch()
    this.#large.sort((a, b) => b.sizeBytes - a.sizeBytes)
    const pieces = new SharedArrayBuffer((this.#large.length + this.#batches.count) * 8)
    const numbers = new Uint32Array(pieces)
    this.#large.forEach(({ start, end }, i) => {
      numbers[i * 2] = start
      numbers[i * 2 + 1] = end
    })
    numbers.set(this.#batches.numbers(), this.#large.length * 2)
    const queue = {
      names: this.#names.share(),
      pieces,
      cursor: new SharedArrayBuffer(4),
      totalBytes: this.#totalBytes,
      fileCount: this.#fileCount,
    }
    this.#names = new GrowingBytes()
    return queue
  }

  #openBatch(directory: string): void {
    this.#closeBatch()
    this.#batch = { directory, start: this.#names.length, files: 0, sizeBytes: 0 }
    this.#names.addText(directory)
  }

  #closeBatch(): void {
    if (this.#batch) this.#batches.add(this.#batch.start, this.#names.length)
    this.#batch = undefined
  }
}

/** Takes the next piece of work; undefined when there is none left. Any thread, any time. */
export function takeWork(queue: WorkQueue): WorkPiece | undefined {
  const index = Atomics.add(new Uint32Array(queue.cursor), 0, 1)
  if (index * 8 >= queue.pieces.byteLength) return undefined
  const [start = 0, end = 0] = new Uint32Array(queue.pieces, index * 8, 2)
  const [directory = '', ...names] = Buffer.from(queue.names, start, end - start - 1)
    .toString()
    .split('\0')
  return { directory, names }
}

class GrowingBytes {
  #bytes = Buffer.alloc(64 * 1024)
  length = 0

  /** The text, and a NUL. */
  addText(text: string): void {
    const room = Buffer.byteLength(text) + 1
    if (this.length + room > this.#bytes.length) this.#grow(room)
    this.length += this.#bytes.write(text, this.length)
    this.#bytes[this.length++] = 0
  }

  share(): SharedArrayBuffer {
    const shared = new SharedArrayBuffer(this.length)
    new Uint8Array(shared).set(this.#bytes.subarray(0, this.length))
    return shared
  }

  #grow(room: number): void {
    const bytes = Buffer.alloc(Math.max(this.#bytes.length * 2, this.length + room))
    assert(bytes.length <= 0xffff_ffff, 'offsets in the queue have 32 bits')
    bytes.set(this.#bytes.subarray(0, this.length))
    this.#bytes = bytes
  }
}

class GrowingPieces {
  #numbers = new Uint32Array(1024)
  count = 0

  add(start: number, end: number): void {
    if (this.count * 2 === this.#numbers.length) {
      const numbers = new Uint32Array(this.#numbers.length * 2)
      numbers.set(this.#numbers)
      this.#numbers = numbers
    }
    this.#numbers[this.count * 2] = start
    this.#numbers[this.count * 2 + 1] = end
    this.count++
  }

  numbers(): Uint32Array {
    return this.#numbers.subarray(0, this.count * 2)
  }
}
