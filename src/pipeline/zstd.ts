/**
 * zstd frames, one at a time, into buffers that the caller owns and uses again.
 *
 * Node's `zstdCompressSync` makes a new native context and a new output for every call. For frames of 1 MiB that
 * costs a quarter of the time of compressing and more than half of the time of decompressing (measured by
 * bench/micro). So one context is kept and driven directly: `writeSync` of the stream's native handle, the
 * call that zlib's own synchronous functions make. It is not part of Node's documented interface; therefore a
 * self-test runs once, and the documented functions take over when it fails. Both write the same format.
 */
import zlib from 'node:zlib'
import { Fault } from '../base/fault.ts'

export interface FrameCompressor {
  /** Writes one frame, which records its content size, and returns its length. `output` must hold frameSizeBytesBound. */
  compress(input: Uint8Array, output: Uint8Array): number
  close(): void
}

export interface FrameDecompressor {
  /** Reads exactly one frame and returns its content's length. OBJECT_CORRUPT when it is damaged or does not fit. */
  decompress(frame: Uint8Array, output: Uint8Array): number
  close(): void
}

export interface FrameOptions {
  readonly level: number
  /** Adds a hash of the content to each frame. For objects that are not sealed: a seal finds every change already. */
  readonly contentChecksum: boolean
}

export function createFrameCompressor(options: FrameOptions): FrameCompressor {
  return isHandleUsable() ? handleCompressor(options) : documentedCompressor(options)
}

export function createFrameDecompressor(): FrameDecompressor {
  return isHandleUsable() ? handleDecompressor() : documentedDecompressor()
}

/** ZSTD_COMPRESSBOUND of zstd.h, rounded up: the most that a frame of so many raw bytes can take. */
export function frameSizeBytesBound(rawBytes: number): number {
  return rawBytes + (rawBytes >>> 8) + 1024
}

const frameMagic = 0xfd2fb528
const { ZSTD_c_compressionLevel, ZSTD_c_checksumFlag, ZSTD_e_end } = zlib.constants
const paramsOf = ({ level, contentChecksum }: FrameOptions): Record<number, number> => ({
  [ZSTD_c_compressionLevel]: level,
  [ZSTD_c_checksumFlag]: contentChecksum ? 1 : 0,
})

/** What zlib's streams hold inside: `writeSync` fills `state` with [room left in output, input left over]. */
interface NativeStream {
  readonly handle: {
    writeSync(
      flush: number,
      input: Uint8Array,
      inputOffset: number,
      inputLength: number,
      output: Uint8Array,
      outputOffset: number,
      outputLength: number,
    ): void
  }
  readonly state: Uint32Array
  readonly stream: zlib.ZstdCompress | zlib.ZstdDecompress
  /** The handle reports errors to its stream, later; we must see them at once. */
  failure(): string | undefined
}

function nativeStream(stream: zlib.ZstdCompress | zlib.ZstdDecompress): NativeStream | undefined {
  const handle: unknown = Reflect.get(stream, '_handle')
  const state: unknown = Reflect.get(stream, '_writeState')
  if (typeof handle !== 'object' || handle === null || !('writeSync' in handle)) return undefined
  if (typeof handle.writeSync !== 'function' || !(state instanceof Uint32Array) || state.length !== 2)
    return undefined
  let failed: string | undefined
  Reflect.set(handle, 'onerror', (message: string) => {
    failed = message
  })
  const failure = (): string | undefined => {
    const message = failed
    failed = undefined
    return message
  }
  return { handle: handle as NativeStream['handle'], state, stream, failure }
}

/** Runs a whole frame through the handle; returns how much of `output` was written, or why it was not. */
function runFrame(native: NativeStream, input: Uint8Array, output: Uint8Array): number | string {
  native.handle.writeSync(ZSTD_e_end, input, 0, input.length, output, 0, output.length)
  const failure = native.failure()
  if (failure !== undefined) return failure
  const [roomLeft = 0, inputLeft = 0] = native.state
  if (inputLeft > 0) return `${String(inputLeft)} bytes of input were left over`
  return output.length - roomLeft
}

function handleCompressor(options: FrameOptions): FrameCompressor {
  const native = nativeStream(zlib.createZstdCompress({ params: paramsOf(options) }))
  if (!native) return documentedCompressor(options)
  return {
    compress(input, output) {
      if (output.length < frameSizeBytesBound(input.length))
        throw new Error('assertion failed: the output holds the bound')
      const written = runFrame(native, input, output)
      if (typeof written === 'string') throw new Error(`zstd could not compress: ${written}`)
      return written
    },
    close: () => native.stream.close(),
  }
}

function handleDecompressor(): FrameDecompressor {
  let native = nativeStream(zlib.createZstdDecompress())
  if (!native) return documentedDecompressor()
  return {
    decompress(frame, output) {
      native ??= nativeStream(zlib.createZstdDecompress())
      if (!native) throw new Error('assertion failed: the handle stays usable')
      const expected = contentSizeOf(frame)
      if (expected === undefined || expected > output.length)
        throw damaged('its header is not that of a frame written by holdfast')
      const written = runFrame(native, frame, output)
      if (written === expected) return written
      // A context that has seen damage, or half a frame, is in an unknown state: the next frame gets a new one.
      native.stream.close()
      native = undefined
      throw damaged(
        typeof written === 'string'
          ? written
          : `it gave ${String(written)} bytes instead of ${String(expected)}`,
      )
    },
    close: () => native?.stream.close(),
  }
}

function documentedCompressor(options: FrameOptions): FrameCompressor {
  return {
    compress(input, output) {
      const frame = zlib.zstdCompressSync(input, {
        params: paramsOf(options),
        pledgedSrcSize: input.length,
        chunkSize: Math.max(64, frameSizeBytesBound(input.length)),
      })
      output.set(frame)
      return frame.length
    },
    close() {},
  }
}

function documentedDecompressor(): FrameDecompressor {
  return {
    decompress(frame, output) {
      let raw: Uint8Array
      try {
        raw = zlib.zstdDecompressSync(frame, {
          maxOutputLength: Math.max(1, output.length),
          chunkSize: Math.max(64, output.length),
        })
      } catch (error) {
        throw damaged(error instanceof Error ? error.message : String(error))
      }
      output.set(raw)
      return raw.length
    },
    close() {},
  }
}

/** The content size in a frame's header (RFC 8878, section 3.1.1.1); undefined when it is no frame or has none. */
export function contentSizeOf(frame: Uint8Array): number | undefined {
  if (frame.length < 6) return undefined
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  if (view.getUint32(0, true) !== frameMagic) return undefined
  const descriptor = view.getUint8(4)
  const singleSegment = (descriptor >>> 5) & 1
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0
  const at = 5 + (singleSegment ? 0 : 1) + dictionaryBytes
  const sizeBytes = [singleSegment, 2, 4, 8][descriptor >>> 6] ?? 0
  if (sizeBytes === 0 || at + sizeBytes > frame.length) return undefined
  if (sizeBytes === 1) return view.getUint8(at)
  if (sizeBytes === 2) return view.getUint16(at, true) + 256
  if (sizeBytes === 4) return view.getUint32(at, true)
  return Number(view.getBigUint64(at, true))
}

/**
 * How long the frame is that `start` begins with, from its block headers (RFC 8878, section 3.1.1.2); undefined when it
 * goes on past the end of `start`.
 */
export function frameLengthOf(start: Uint8Array): number | undefined {
  if (start.length < 6) return undefined
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength)
  const magic = view.getUint32(0, true)
  if (isSkippableMagic(magic)) return start.length < 8 ? undefined : 8 + view.getUint32(4, true)
  if (magic !== frameMagic) throw damaged('no frame begins here')
  const descriptor = view.getUint8(4)
  const singleSegment = (descriptor >>> 5) & 1
  const contentSizeBytes = [singleSegment, 2, 4, 8][descriptor >>> 6] ?? 0
  let at = 5 + (singleSegment ? 0 : 1) + ([0, 1, 2, 4][descriptor & 3] ?? 0) + contentSizeBytes
  for (let last = false; !last;) {
    if (at + 3 > start.length) return undefined
    const header = view.getUint8(at) | (view.getUint8(at + 1) << 8) | (view.getUint8(at + 2) << 16)
    last = (header & 1) === 1
    const isRunLength = ((header >>> 1) & 3) === 1
    at += 3 + (isRunLength ? 1 : header >>> 3)
  }
  return at + ((descriptor >>> 2) & 1 ? 4 : 0)
}

/** A frame without content, which every decoder passes over (RFC 8878, section 3.1.2). */
export function isSkippable(start: Uint8Array): boolean {
  return (
    start.length >= 4 && isSkippableMagic(new DataView(start.buffer, start.byteOffset, 4).getUint32(0, true))
  )
}

const isSkippableMagic = (magic: number): boolean => magic >>> 4 === 0x184d2a5

const damaged = (why: string): Fault =>
  new Fault('OBJECT_CORRUPT', `a zstd frame can not be decompressed: ${why}`, {
    hint: 'Run `holdfast verify` to see what else is damaged, and restore from another repository or backup.',
  })

let usable: boolean | undefined

/** Whether Node's native handle does what we need: two frames in a row, through one context, there and back. */
function isHandleUsable(): boolean {
  usable ??= selfTest()
  return usable
}

function selfTest(): boolean {
  try {
    const sample = Uint8Array.from({ length: 5000 }, (_, i) => (i * i) >>> 4)
    const compress = nativeStream(zlib.createZstdCompress({ params: { [ZSTD_c_compressionLevel]: 1 } }))
    const decompress = nativeStream(zlib.createZstdDecompress())
    if (!compress || !decompress) return false
    const frame = new Uint8Array(frameSizeBytesBound(sample.length))
    const back = new Uint8Array(sample.length)
    const works = [sample, sample.subarray(0, 777)].every(raw => {
      const length = runFrame(compress, raw, frame)
      if (typeof length === 'string' || contentSizeOf(frame) !== raw.length) return false
      return (
        runFrame(decompress, frame.subarray(0, length), back) === raw.length &&
        Buffer.compare(back.subarray(0, raw.length), raw) === 0
      )
    })
    compress.stream.close()
    decompress.stream.close()
    return works
  } catch {
    return false
  }
}
