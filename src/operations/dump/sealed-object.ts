/**
 * One compressed object, written as its bytes come: cut into frames, which the press compresses in other threads, then
 * sealed and stored in their order.
 */
import { createHash, type Hash } from 'node:crypto'
import { assert } from '../../base/assert.ts'
import { Fault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import { createSealer, sealedSizeBytesBound, type Sealer } from '../../pipeline/age.ts'
import type { Encoding } from '../../pipeline/codec.ts'
import { encodeSeekTable, type FrameSize } from '../../pipeline/seekable.ts'
import { frameSizeBytesBound } from '../../pipeline/zstd.ts'
import type { DumpedObject } from '../../repository/format/dump-record.ts'
import type { ObjectWriter, Storage } from '../../storage/storage.ts'
import type { FramePress, PressSlot } from '../workers/press/frame-press.ts'

export interface ObjectPlace {
  readonly storage: Storage
  /** The dump's folder, with a slash at its end. */
  readonly keyPrefix: string
  readonly encoding: Encoding
  readonly press: FramePress
}

/** `commit` or `abort` has to be called in the end. */
export async function openSealedObject(
  place: ObjectPlace,
  name: string,
  signal: AbortSignal,
): Promise<SealedObject> {
  const { recipients } = place.encoding
  const sealer = recipients.length > 0 ? await createSealer(recipients) : undefined
  const writer = await place.storage.create(`${place.keyPrefix}${name}`, signal)
  return new SealedObject(name, place.press, writer, sealer)
}

export class SealedObject {
  readonly #name: string
  readonly #press: FramePress
  readonly #writer: ObjectWriter
  readonly #sealer: Sealer | undefined
  readonly #digest: Hash = createHash('sha256')
  readonly #frames: FrameSize[] = []
  readonly #into: Uint8Array
  #slot: PressSlot | undefined
  #used = 0
  #rawBytes = 0
  #sizeBytes = 0
  #failure: Error | undefined
  /** Frames are stored one after another; what is under way is awaited before the object ends. */
  #tail: Promise<void>

  constructor(name: string, press: FramePress, writer: ObjectWriter, sealer: Sealer | undefined) {
    this.#name = name
    this.#press = press
    this.#writer = writer
    this.#sealer = sealer
    this.#into = new Uint8Array(
      sealer ? sealedSizeBytesBound(frameSizeBytesBound(limits.frameSizeBytesMax)) : 0,
    )
    this.#tail = sealer ? this.#put(sealer.header) : Promise.resolve()
    this.#tail.catch(() => undefined)
  }

  /** Raw bytes so far. */
  get offsetBytes(): number {
    return this.#rawBytes + this.#used
  }

  /** Stored so far; what is on its way is not counted. */
  get storedBytes(): number {
    return this.#sizeBytes
  }

  /** What is free of the frame that is being filled. */
  get roomBytes(): number {
    return limits.frameSizeBytesMax - this.#used
  }

  /** The bytes are taken before it returns. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      if (this.#failure) throw this.#failure
      const slot = (this.#slot ??= await this.#press.rent())
      const take = Math.min(bytes.length - at, this.roomBytes)
      slot.raw.set(bytes.subarray(at, at + take), this.#used)
      this.#used += take
      at += take
      if (this.roomBytes === 0) this.endFrame()
    }
  }

  /** What follows begins a frame. */
  endFrame(): void {
    const slot = this.#slot
    if (!slot) return
    const rawBytes = this.#used
    this.#slot = undefined
    this.#used = 0
    this.#rawBytes += rawBytes
    const pressed = this.#press.press(slot, rawBytes)
    pressed.catch(() => undefined)
    this.#tail = this.#storeFrame(this.#tail, slot, rawBytes, pressed)
    this.#tail.catch((error: unknown) => {
      this.#failure ??= error instanceof Error ? error : new Error(String(error))
    })
  }

  async #storeFrame(
    before: Promise<void>,
    slot: PressSlot,
    rawBytes: number,
    pressed: Promise<Uint8Array>,
  ): Promise<void> {
    try {
      await before
      const stored = await pressed
      this.#frames.push({ storedBytes: stored.length, rawBytes })
      await this.#store(stored)
    } finally {
      this.#press.giveBack(slot)
    }
  }

  async commit(): Promise<DumpedObject> {
    this.endFrame()
    await this.#tail
    await this.#store(encodeSeekTable(this.#frames))
    if (this.#sealer) await this.#put(this.#into.subarray(0, this.#sealer.finish(this.#into)))
    if ((await this.#writer.commit()) === 'taken') throw taken(this.#name)
    return {
      name: this.#name,
      sizeBytes: this.#sizeBytes,
      sha256: this.#digest.digest('hex'),
      rawBytes: this.#rawBytes,
    }
  }

  /** Safe to call after a failure, and twice. */
  async abort(): Promise<void> {
    if (this.#slot) this.#press.giveBack(this.#slot)
    this.#slot = undefined
    this.#used = 0
    await this.#tail.catch(() => undefined)
    await this.#writer.abort()
  }

  async #store(bytes: Uint8Array): Promise<void> {
    if (!this.#sealer) return this.#put(bytes)
    for (let at = 0; at < bytes.length; at += limits.frameSizeBytesMax) {
      const piece = bytes.subarray(at, at + limits.frameSizeBytesMax)
      const sealedBytes = this.#sealer.seal(piece, this.#into)
      assert(sealedBytes <= this.#into.length, 'the buffer holds what a frame becomes')
      await this.#put(this.#into.subarray(0, sealedBytes))
    }
  }

  async #put(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return
    this.#digest.update(bytes)
    this.#sizeBytes += bytes.length
    await this.#writer.write(bytes)
  }
}

const taken = (name: string): Fault =>
  new Fault('OBJECT_CONFLICT', `${name} is there already`, {
    hint: 'Run the dump again: it gets a new id, and thus new names.',
  })
