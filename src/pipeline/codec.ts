/**
 * How whole objects are stored: zstd frames of at most 1 MiB raw bytes and their seek table, inside an age file unless
 * encryption is `none`. `age -d | zstd -d` gives the bytes back.
 *
 * An object says itself how it was made, so reading never depends on today's configuration. What is told in the
 * clear about it (a *clear stanza*) stands at its start: in the age header, or in a zstd skippable frame.
 */
import { Fault } from '../base/fault.ts'
import { limits } from '../base/limits.ts'
import {
  createOpener,
  createSealer,
  isAge,
  parseAgeHeader,
  sealedSizeBytesBound,
  storedChunkSizeBytes,
  type ClearStanza,
} from './age.ts'
import { ByteQueue } from './byte-queue.ts'
import { encodeSeekTable, type FrameSize } from './seekable.ts'
import {
  contentSizeOf,
  createFrameCompressor,
  createFrameDecompressor,
  frameLengthOf,
  frameSizeBytesBound,
  isSkippable,
  type FrameCompressor,
  type FrameDecompressor,
  type FrameOptions,
} from './zstd.ts'

export interface Encoding {
  /** zstd's compression level. */
  readonly level: number
  /** age recipients; none: the object is not encrypted. */
  readonly recipients: readonly string[]
}

/** What an object's key ends in, after the name of what it holds. */
export function suffixOf(encoding: Encoding): '.zst' | '.zst.age' {
  return encoding.recipients.length > 0 ? '.zst.age' : '.zst'
}

/** Compresses and seals. Pieces are valid until the next one is asked for. */
export async function* encodeStream(
  plain: AsyncIterable<Uint8Array>,
  encoding: Encoding,
  clear: readonly ClearStanza[] = [],
): AsyncIterable<Uint8Array> {
  if (encoding.recipients.length === 0) {
    yield* clear.map(encodeClearFrame)
    yield* compressFrames(plain, { level: encoding.level, contentChecksum: true })
    return
  }
  const sealer = await createSealer(encoding.recipients, clear)
  yield sealer.header
  const into = new Uint8Array(sealedSizeBytesBound(frameSizeBytesBound(limits.frameSizeBytesMax)))
  for await (const frame of compressFrames(plain, { level: encoding.level, contentChecksum: false })) {
    for (const piece of slices(frame, limits.frameSizeBytesMax)) {
      const sealedBytes = sealer.seal(piece, into)
      if (sealedBytes > 0) yield into.subarray(0, sealedBytes)
    }
  }
  yield into.subarray(0, sealer.finish(into))
}

/** Buffers and a compressor, which one stream after another may use: to make them costs as much as a small stream. */
export interface FrameTools extends Disposable {
  readonly raw: Uint8Array
  readonly output: Uint8Array
  compressorFor(options: FrameOptions): FrameCompressor
}

export function createFrameTools(): FrameTools {
  let current: { readonly options: FrameOptions; readonly compressor: FrameCompressor } | undefined
  return {
    raw: new Uint8Array(limits.frameSizeBytesMax),
    output: new Uint8Array(frameSizeBytesBound(limits.frameSizeBytesMax)),
    compressorFor(options) {
      const { level, contentChecksum } = options
      if (current?.options.level !== level || current.options.contentChecksum !== contentChecksum) {
        current?.compressor.close()
        current = { options, compressor: createFrameCompressor(options) }
      }
      return current.compressor
    },
    [Symbol.dispose]() {
      current?.compressor.close()
      current = undefined
    },
  }
}

/** The same with tools of its own. */
export async function* compressFrames(
  plain: AsyncIterable<Uint8Array>,
  options: FrameOptions,
): AsyncIterable<Uint8Array> {
  using tools = createFrameTools()
  yield* compressFramesWith(tools, plain, options)
}

/** Frames of at most 1 MiB raw bytes, and their seek table at the end. Each is valid until the next one is asked for. */
export async function* compressFramesWith(
  tools: FrameTools,
  plain: AsyncIterable<Uint8Array>,
  options: FrameOptions,
): AsyncIterable<Uint8Array> {
  const compressor = tools.compressorFor(options)
  const frames: FrameSize[] = []
  for await (const raw of pieces(plain, tools.raw)) {
    const storedBytes = compressor.compress(raw, tools.output)
    frames.push({ storedBytes, rawBytes: raw.length })
    yield tools.output.subarray(0, storedBytes)
  }
  yield encodeSeekTable(frames)
}

/** Cuts a stream into pieces of exactly the buffer's length (the last may be shorter). */
async function* pieces(stream: AsyncIterable<Uint8Array>, buffer: Uint8Array): AsyncIterable<Uint8Array> {
  const sizeBytes = buffer.length
  let used = 0
  for await (const bytes of stream) {
    for (let rest = bytes; rest.length > 0;) {
      if (used === 0 && rest.length >= sizeBytes) {
        yield rest.subarray(0, sizeBytes)
        rest = rest.subarray(sizeBytes)
        continue
      }
      const take = Math.min(rest.length, sizeBytes - used)
      buffer.set(rest.subarray(0, take), used)
      used += take
      rest = rest.subarray(take)
      if (used < sizeBytes) continue
      yield buffer
      used = 0
    }
  }
  if (used > 0) yield buffer.subarray(0, used)
}

function* slices(bytes: Uint8Array, sizeBytes: number): Iterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += sizeBytes) yield bytes.subarray(at, at + sizeBytes)
}

/** Opens and decompresses what encodeStream made. Every chunk's seal and every frame is checked on the way. */
export async function* decodeStream(
  stored: AsyncIterable<Uint8Array>,
  identities: readonly string[],
): AsyncIterable<Uint8Array> {
  const queue = new ByteQueue(stored)
  const sealed = isAge(await queue.peek(64))
  yield* decompressFrames(sealed ? new ByteQueue(openChunks(queue, identities)) : queue)
}

/**
 * The same, for an object that lies in memory whole and into one buffer, so that next to nothing is copied. `see` is given
 * each piece while it is still in the processor's cache. Returns how many bytes came out.
 */
export async function decodeWhole(
  stored: Uint8Array,
  identities: readonly string[],
  into: Uint8Array,
  see: (piece: Uint8Array) => void,
): Promise<number> {
  const plain = isAge(stored) ? await openWhole(stored, identities) : stored
  const decompressor = createFrameDecompressor()
  try {
    return decompressWhole(plain, decompressor, into, see)
  } finally {
    decompressor.close()
  }
}

function decompressWhole(
  plain: Uint8Array,
  decompressor: FrameDecompressor,
  into: Uint8Array,
  see: (piece: Uint8Array) => void,
): number {
  const frames: FrameSize[] = []
  for (let at = 0, filled = 0; ;) {
    const frame = wholeFrameAt(plain, at)
    at += frame.length
    if (isSkippable(frame) && at === plain.length) {
      checkSeekTable(frame, frames)
      return filled
    }
    if (isSkippable(frame)) continue
    if (filled + (contentSizeOf(frame) ?? 0) > into.length)
      throw corrupt(`it holds more than the ${String(into.length)} bytes that it says`)
    const room = into.subarray(filled, filled + limits.frameSizeBytesMax)
    const rawBytes = decompressor.decompress(frame, room)
    frames.push({ storedBytes: frame.length, rawBytes })
    see(room.subarray(0, rawBytes))
    filled += rawBytes
  }
}

async function openWhole(stored: Uint8Array, identities: readonly string[]): Promise<Uint8Array> {
  const opener = await createOpener(stored.subarray(0, ageHeaderSizeBytesMax), identities)
  const plain = new Uint8Array(stored.length)
  let filled = 0
  for (let at = opener.payloadOffsetBytes, index = 0, last = false; !last; index++) {
    const chunk = stored.subarray(at, at + storedChunkSizeBytes)
    at += chunk.length
    last = at >= stored.length
    filled += opener.openChunk(index, chunk, last, plain.subarray(filled))
  }
  return plain.subarray(0, filled)
}

function wholeFrameAt(plain: Uint8Array, at: number): Uint8Array {
  const length = frameLengthOf(plain.subarray(at, at + frameSizeBytesBound(limits.frameSizeBytesMax)))
  const frame = length === undefined ? undefined : plain.subarray(at, at + length)
  if (frame === undefined || frame.length !== length) throw corrupt('it is cut off')
  return frame
}

async function* openChunks(queue: ByteQueue, identities: readonly string[]): AsyncIterable<Uint8Array> {
  const start = await queue.peek(ageHeaderSizeBytesMax)
  const opener = await createOpener(start, identities)
  await queue.take(opener.payloadOffsetBytes)
  const plain = new Uint8Array(storedChunkSizeBytes)
  for (let index = 0, last = false; !last; index++) {
    const chunk = await queue.take(storedChunkSizeBytes)
    last = (await queue.peek(1)).length === 0
    yield plain.subarray(0, opener.openChunk(index, chunk, last, plain))
  }
}

async function* decompressFrames(queue: ByteQueue): AsyncIterable<Uint8Array> {
  const decompressor = createFrameDecompressor()
  const frames: FrameSize[] = []
  const output = new Uint8Array(limits.frameSizeBytesMax)
  try {
    for (let frame = await takeFrame(queue); ; frame = await takeFrame(queue)) {
      if (isSkippable(frame) && (await queue.peek(1)).length === 0) {
        checkSeekTable(frame, frames)
        return
      }
      if (isSkippable(frame)) continue
      const rawBytes = decompressor.decompress(frame, output)
      frames.push({ storedBytes: frame.length, rawBytes })
      yield output.subarray(0, rawBytes)
    }
  } finally {
    decompressor.close()
    await queue.close()
  }
}

async function takeFrame(queue: ByteQueue): Promise<Uint8Array> {
  const frameBytesMax = frameSizeBytesBound(limits.frameSizeBytesMax)
  const length = frameLengthOf(await queue.peek(frameBytesMax))
  const frame = length === undefined ? undefined : await queue.take(length)
  if (frame === undefined || frame.length !== length) throw corrupt('it is cut off')
  return frame
}

/** The seek table is the last thing written: without it, or with another one, the object is not whole. */
function checkSeekTable(table: Uint8Array, frames: readonly FrameSize[]): void {
  if (Buffer.compare(table, encodeSeekTable(frames)) !== 0)
    throw corrupt('its seek table does not fit its frames')
}

/** An age header holds one stanza a recipient; even post-quantum ones take 2 KiB each. */
export const ageHeaderSizeBytesMax = 64 * 1024

/** What the start of an object (some KiB) tells in the clear; undefined when `start` ends too early to tell. */
export function readClear(start: Uint8Array): readonly ClearStanza[] | undefined {
  if (isAge(start)) return parseAgeHeader(start)?.clear
  const first = decodeClearFrame(start)
  return first === 'cut off' ? undefined : first === undefined ? [] : [first]
}

const clearMagic = 0x184d2a50

/** A skippable frame (RFC 8878, section 3.1.2) that holds the stanza's words in one line of text. */
export function encodeClearFrame({ type, args }: ClearStanza): Uint8Array {
  const text = Buffer.from([type, ...args].join(' ') + '\n', 'latin1')
  const frame = Buffer.alloc(8 + text.length)
  frame.writeUInt32LE(clearMagic, 0)
  frame.writeUInt32LE(text.length, 4)
  frame.set(text, 8)
  return frame
}

function decodeClearFrame(start: Uint8Array): ClearStanza | 'cut off' | undefined {
  if (start.length < 8) return 'cut off'
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength)
  if (view.getUint32(0, true) !== clearMagic) return undefined
  const length = view.getUint32(4, true)
  if (length > ageHeaderSizeBytesMax) {
    throw corrupt(`it begins with a note of ${String(length)} bytes, which is too long`)
  }
  if (8 + length > start.length) return 'cut off'
  const [type = '', ...args] = Buffer.from(start.subarray(8, 8 + length))
    .toString('latin1')
    .trimEnd()
    .split(' ')
  return { type, args }
}

const corrupt = (why: string): Fault =>
  new Fault('OBJECT_CORRUPT', `a compressed object can not be read: ${why}`, {
    hint: 'Run `holdfast verify` to see what else is damaged, and restore from another repository or backup.',
  })
