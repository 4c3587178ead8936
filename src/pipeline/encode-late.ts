/**
 * Encodes an object of which it is known only at its end what is told in the clear at its start. Its compressed bytes
 * wait in memory until then. The format is that of `encodeStream`, and `decodeStream` reads it.
 */
import { MiB } from '../base/units.ts'
import { createSealer, sealedSizeBytesBound, type ClearStanza } from './age.ts'
import { compressFramesWith, createFrameTools, encodeClearFrame, type Encoding } from './codec.ts'

/** `clear` is called after the last of the plain bytes. The result is pieces of one object, in order, and the caller's. */
export type EncodeLate = (
  plain: AsyncIterable<Uint8Array>,
  encoding: Encoding,
  clear: () => readonly ClearStanza[],
) => Promise<readonly Uint8Array[]>

export const encodeLate: EncodeLate = async (plain, encoding, clear) => {
  using encoder = createLateEncoder()
  return await encoder.encode(plain, encoding, clear)
}

export interface LateEncoder extends Disposable {
  /** One at a time. */
  readonly encode: EncodeLate
  /** A result that nobody reads any more: a later one may lie there. */
  readonly reuse: (room: ArrayBuffer) => void
}

/** Encodes many objects with the same buffers and compressor. */
export function createLateEncoder(): LateEncoder {
  const tools = createFrameTools()
  const store = new FrameStore()
  const rooms = new Rooms()
  return {
    reuse: room => {
      rooms.add(room)
    },
    async encode(plain, encoding, clear) {
      const isSealed = encoding.recipients.length > 0
      const options = { level: encoding.level, contentChecksum: !isSealed }
      store.clear()
      for await (const frame of compressFramesWith(tools, plain, options)) store.add(frame)
      const stanzas = clear()
      return isSealed
        ? [await seal(store.bytes(), encoding, stanzas, rooms)]
        : [...stanzas.map(encodeClearFrame), rooms.copyOf(store.bytes())]
    },
    [Symbol.dispose]() {
      tools[Symbol.dispose]()
    },
  }
}

/** Where frames wait. It keeps its room for the next object, unless that is unusually large. */
class FrameStore {
  #room = new Uint8Array(MiB)
  #usedBytes = 0

  clear(): void {
    this.#usedBytes = 0
    if (this.#room.length > keptBytesMax) this.#room = new Uint8Array(MiB)
  }

  add(frame: Uint8Array): void {
    const neededBytes = this.#usedBytes + frame.length
    if (neededBytes > this.#room.length) {
      const larger = new Uint8Array(Math.max(neededBytes, 2 * this.#room.length))
      larger.set(this.bytes())
      this.#room = larger
    }
    this.#room.set(frame, this.#usedBytes)
    this.#usedBytes = neededBytes
  }

  /** Valid until the next `add` or `clear`. */
  bytes(): Uint8Array {
    return this.#room.subarray(0, this.#usedBytes)
  }
}

const keptBytesMax = 32 * MiB

/** Where results lie. Objects are of about the same size, so there is some more room than one needs. */
class Rooms {
  #free: ArrayBuffer[] = []

  add(room: ArrayBuffer): void {
    if (room.byteLength <= keptBytesMax) this.#free.push(room)
  }

  take(sizeBytes: number): Uint8Array {
    const at = this.#free.findIndex(({ byteLength }) => byteLength >= sizeBytes)
    const [room] = at < 0 ? [] : this.#free.splice(at, 1)
    // What is too small now was made for other files.
    if (!room) this.#free = []
    return new Uint8Array(room ?? new ArrayBuffer(sizeBytes + (sizeBytes >> 2)), 0, sizeBytes)
  }

  copyOf(bytes: Uint8Array): Uint8Array {
    const copy = this.take(bytes.length)
    copy.set(bytes)
    return copy
  }
}

async function seal(
  plain: Uint8Array,
  { recipients }: Encoding,
  stanzas: readonly ClearStanza[],
  rooms: Rooms,
): Promise<Uint8Array> {
  const sealer = await createSealer(recipients, stanzas)
  const { header } = sealer
  const sealed = rooms.take(header.length + sealedSizeBytesBound(plain.length))
  sealed.set(header)
  let filled = header.length
  filled += sealer.seal(plain, sealed.subarray(filled))
  filled += sealer.finish(sealed.subarray(filled))
  return sealed.subarray(0, filled)
}
