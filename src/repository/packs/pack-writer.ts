/**
 * Writes a pack: a tar archive in zstd frames of at most 1 MiB raw, with their seek table, in an age file.
 *
 * Where frames end: a file that does not fit the rest of the current frame gets its tar header into that frame, which is
 * then closed, so that the file's data begins a frame. Thus the slices of a large file are read straight into an empty
 * frame, a page never lies across two frames, and block N of a file lies in a frame that arithmetic finds. Small files
 * share a frame.
 *
 * Use: `beginEntry`, then fill `room()` and say `advance` until the entry's size is reached, then `endEntry`.
 */
import { createHash, type Hash } from 'node:crypto'
import { assert } from '../../base/assert.ts'
import { limits } from '../../base/limits.ts'
import { createSealer, type Sealer } from '../../pipeline/age.ts'
import { encodeSeekTable, type FrameSize } from '../../pipeline/seekable.ts'
import { encodeTarHeader, tarEnd, tarPaddingBytes, type TarEntry } from '../../pipeline/tar.ts'
import type { ObjectWriter } from '../../storage/storage.ts'
import { packOutputSizeBytesTarget, type PackPress } from './pack-press.ts'

/** What became of a pack, once every byte of it was written. */
export interface PackSummary {
  readonly sizeBytes: number
  /** Of the object as stored, hexadecimal. */
  readonly sha256: string
  /** Of the tar archive. */
  readonly rawBytes: number
}

/** Starts a pack in `writer`, whose `commit` and `abort` stay with the caller. */
export async function openPackWriter(press: PackPress, writer: ObjectWriter): Promise<PackWriter> {
  const { recipients } = press.encoding
  const sealer = recipients.length > 0 ? await createSealer(recipients) : undefined
  const pack = new PackWriter(press, writer, sealer)
  if (sealer) pack.writeHeader(sealer.header)
  return pack
}

export class PackWriter {
  readonly #press: PackPress
  readonly #writer: ObjectWriter
  readonly #sealer: Sealer | undefined
  readonly #digest: Hash = createHash('sha256')
  readonly #frames: FrameSize[] = []
  #turn: 0 | 1 = 0
  #outputTurn: 0 | 1 = 0
  /** Filled bytes of the current output buffer. */
  #outputUsed = 0
  /** Filled bytes of the current frame. */
  #used = 0
  #rawBytesBefore = 0
  #storedBytes = 0
  #entryBytesLeft = 0
  #entryPadding = 0
  /** The write under way; awaited before the next begins, and before its buffer is used again. */
  #writing: Promise<void> = Promise.resolve()

  constructor(press: PackPress, writer: ObjectWriter, sealer: Sealer | undefined) {
    this.#press = press
    this.#writer = writer
    this.#sealer = sealer
  }

  /** Stored so far; what waits in buffers is not counted. */
  get storedBytes(): number {
    return this.#storedBytes
  }

  /** Position in the raw tar stream. */
  get offsetBytes(): number {
    return this.#rawBytesBefore + this.#used
  }

  /** Writes the entry's tar header. Returns the raw offset at which its data begins. */
  async beginEntry(entry: TarEntry): Promise<number> {
    assert(this.#entryBytesLeft === 0, 'one entry ends before the next begins')
    await this.#append(encodeTarHeader(entry))
    const endBytes = entry.sizeBytes + tarPaddingBytes(entry.sizeBytes)
    if (endBytes > this.#room) await this.#closeFrame()
    this.#entryBytesLeft = entry.sizeBytes
    this.#entryPadding = tarPaddingBytes(entry.sizeBytes)
    return this.offsetBytes
  }

  /** Where the entry's next bytes go: what is free of the current frame, but no more than the entry still lacks. */
  room(): Uint8Array {
    return this.#frame.subarray(this.#used, this.#used + Math.min(this.#room, this.#entryBytesLeft))
  }

  /** Where the bytes after `room()` will go, once it is full: they may be put there before `advance` is called. */
  roomAhead(): Uint8Array {
    const ahead = Math.min(limits.frameSizeBytesMax, Math.max(0, this.#entryBytesLeft - this.#room))
    return this.#press.raw[this.#turn === 0 ? 1 : 0].subarray(0, ahead)
  }

  /** Says that the first `bytes` of `room()` are filled. */
  async advance(bytes: number): Promise<void> {
    assert(
      bytes <= this.#entryBytesLeft && bytes <= this.#room,
      'an entry gets no more bytes than its header promised',
    )
    this.#used += bytes
    this.#entryBytesLeft -= bytes
    if (this.#room === 0) await this.#closeFrame()
  }

  async endEntry(): Promise<void> {
    assert(this.#entryBytesLeft === 0, 'an entry gets as many bytes as its header promised')
    await this.#append(tarEnd.subarray(0, this.#entryPadding))
    this.#entryPadding = 0
  }

  /** Ends the archive. Everything is written afterwards, but not committed. */
  async finish(): Promise<PackSummary> {
    assert(this.#entryBytesLeft === 0, 'the last entry is complete')
    await this.#append(tarEnd)
    await this.#closeFrame()
    await this.#store(encodeSeekTable(this.#frames))
    if (this.#sealer) this.#outputUsed += this.#sealer.finish(this.#outputRoom)
    await this.#flush()
    await this.#writing
    return {
      sizeBytes: this.#storedBytes,
      sha256: this.#digest.digest('hex'),
      rawBytes: this.#rawBytesBefore,
    }
  }

  /** Waits for the write under way, so that the caller can abort the writer. Never throws. */
  async settle(): Promise<void> {
    await this.#writing.catch(() => undefined)
  }

  /** The age header, before anything else. */
  writeHeader(header: Uint8Array): void {
    assert(this.#storedBytes === 0 && this.#outputUsed === 0, 'the header comes first')
    this.#outputRoom.set(header)
    this.#outputUsed = header.length
  }

  get #frame(): Uint8Array {
    return this.#press.raw[this.#turn]
  }

  /** What is free of the output buffer that is being filled; the other one may be on its way to the storage. */
  get #outputRoom(): Uint8Array {
    return this.#press.output[this.#outputTurn].subarray(this.#outputUsed)
  }

  get #room(): number {
    return limits.frameSizeBytesMax - this.#used
  }

  /** Copies small things (headers, padding) into the frame, and begins a new one where they do not fit. */
  async #append(bytes: Uint8Array): Promise<void> {
    if (bytes.length > this.#room) await this.#closeFrame()
    this.#frame.set(bytes, this.#used)
    this.#used += bytes.length
    if (this.#room === 0) await this.#closeFrame()
  }

  async #closeFrame(): Promise<void> {
    if (this.#used === 0) return
    const raw = this.#frame.subarray(0, this.#used)
    // Without a seal, frames are compressed straight into the output.
    const into = this.#sealer ? this.#press.compressed : this.#outputRoom
    const storedBytes = this.#press.compressor.compress(raw, into)
    this.#frames.push({ storedBytes, rawBytes: raw.length })
    this.#rawBytesBefore += raw.length
    this.#used = 0
    this.#turn = this.#turn === 0 ? 1 : 0
    if (this.#sealer) await this.#store(into.subarray(0, storedBytes))
    else {
      this.#outputUsed += storedBytes
      await this.#flushIfFull()
    }
  }

  /** Seals, where there is a seal, into the output. */
  async #store(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += limits.frameSizeBytesMax) {
      const piece = bytes.subarray(at, at + limits.frameSizeBytesMax)
      if (this.#sealer) this.#outputUsed += this.#sealer.seal(piece, this.#outputRoom)
      else {
        this.#outputRoom.set(piece)
        this.#outputUsed += piece.length
      }
      await this.#flushIfFull()
    }
  }

  async #flushIfFull(): Promise<void> {
    if (this.#outputUsed >= packOutputSizeBytesTarget) await this.#flush()
  }

  /**
   * Begins to write what stands in the output buffer, once the last write is done, and turns to the other buffer: so one
   * write and the making of the next bytes run side by side.
   */
  async #flush(): Promise<void> {
    if (this.#outputUsed === 0) return
    const bytes = this.#press.output[this.#outputTurn].subarray(0, this.#outputUsed)
    this.#digest.update(bytes)
    this.#storedBytes += bytes.length
    await this.#writing
    this.#writing = this.#writer.write(bytes)
    // A failure is told by whoever awaits it next; until then it is no unhandled rejection.
    this.#writing.catch(() => undefined)
    this.#outputTurn = this.#outputTurn === 0 ? 1 : 0
    this.#outputUsed = 0
  }
}
