/**
 * Lines of text, kept compressed: the manifest lines of many files in little memory (some 15 bytes a file, where objects
 * would take 300), which can be handed from thread to thread.
 */
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { KiB } from '../../base/units.ts'

/** Compressed pieces of whole lines, each line with its line feed. */
export type EntryLog = readonly Uint8Array<ArrayBuffer>[]

const pieceCharsTarget = 256 * KiB

export class EntryLogWriter {
  readonly #pieces: Uint8Array<ArrayBuffer>[] = []
  #lines: string[] = []
  #chars = 0

  /** `line` holds no line feed. */
  add(line: string): void {
    this.#lines.push(line)
    this.#chars += line.length + 1
    if (this.#chars >= pieceCharsTarget) this.#closePiece()
  }

  /** Gives what was added, and starts anew. */
  take(): EntryLog {
    this.#closePiece()
    return this.#pieces.splice(0)
  }

  #closePiece(): void {
    if (this.#lines.length === 0) return
    this.#lines.push('')
    const text = Buffer.from(this.#lines.join('\n'))
    // A copy of its own: the result may lie in a pool of buffers, which can not be handed to another thread.
    this.#pieces.push(Uint8Array.from(zstdCompressSync(text)))
    this.#lines = []
    this.#chars = 0
  }
}

/** The text again, in pieces of whole lines. */
export function* readEntryLog(log: EntryLog): Iterable<string> {
  for (const piece of log) yield zstdDecompressSync(piece).toString()
}

/** The lines again, one by one. */
export function* readEntryLines(log: EntryLog): Iterable<string> {
  for (const text of readEntryLog(log)) {
    for (let at = 0; at < text.length;) {
      const end = text.indexOf('\n', at)
      yield text.slice(at, end)
      at = end + 1
    }
  }
}
