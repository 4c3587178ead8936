/**
 * Reads a pack by range: any bytes of its raw tar stream, without the rest of the object. First the start of the object
 * (its age header) and its end (the seek table) are read, at the same time; then every range costs one request.
 */
import { Fault, isFault } from '../../base/fault.ts'
import { limits } from '../../base/limits.ts'
import { KiB } from '../../base/units.ts'
import { storedChunkSizeBytes } from '../../pipeline/age.ts'
import { decodeSeekTable, seekTableSizeFromEnd } from '../../pipeline/seekable.ts'
import { createFrameDecompressor } from '../../pipeline/zstd.ts'
import type { Storage } from '../../storage/storage.ts'
import { corruptPack } from './corrupt-pack.ts'
import { FrameIndex } from './frame-index.ts'
import { compressedFrameSizeBytesMax, frameStream, type FrameTools, type RawFrame } from './frame-stream.ts'
import { openedStream } from './opened-stream.ts'
import { isHeaderWhole, layoutOf, type StoredLayout } from './stored-layout.ts'

/** Buffers and a decompressor, used for pack after pack by one thread. */
export interface PackTools extends FrameTools {
  close(): void
}

/** `raw` are buffers of a frame's size, that take turns. */
export function createPackTools(raw: readonly Uint8Array[]): PackTools {
  const decompressor = createFrameDecompressor()
  return {
    decompressor,
    raw,
    compressed: new Uint8Array(compressedFrameSizeBytesMax),
    close: () => {
      decompressor.close()
    },
  }
}

export interface PackSource {
  readonly storage: Storage
  readonly key: string
  /** Of the object as stored, as backup.json tells. */
  readonly sizeBytes: number
  readonly identities: readonly string[]
  /** What frames are read through, when it is not `storage`: one that reads ahead. */
  readonly framesStorage?: Storage | undefined
}

export interface PackReader {
  readonly index: FrameIndex
  readonly layout: StoredLayout
  /** The frames `first` to `last`. Damaged ones are told, not thrown; what the storage throws comes through. */
  frames(first: number, last: number, signal: AbortSignal): AsyncGenerator<RawFrame, void, undefined>
  /** All frames, from a stream of the whole object as stored, which is read to its end. */
  framesOfWhole(stored: AsyncIterable<Uint8Array>): AsyncGenerator<RawFrame, void, undefined>
}

/** OBJECT_MISSING, OBJECT_CORRUPT, KEY_WRONG or KEY_MISSING when the pack can not be opened at all. */
export async function openPack(
  source: PackSource,
  tools: FrameTools,
  signal: AbortSignal,
): Promise<PackReader> {
  const { key, framesStorage = source.storage } = source
  try {
    const ends = await readEnds(source, signal)
    const layout = await layoutOf(ends.start, source.sizeBytes, source.identities)
    const table = await readSeekTable(source, layout, ends.tail, signal)
    const index = new FrameIndex(decodeSeekTable(table))
    checkIndex(index, layout.plainBytes - table.length)
    return {
      index,
      layout,
      frames: (first, last, framesSignal) => {
        const startBytes = index.frame(first).storedOffsetBytes
        const end = index.frame(last)
        const range = layout.storedRange(startBytes, end.storedOffsetBytes + end.storedBytes)
        const opened = openedStream(framesStorage.get(key, range, framesSignal), layout, startBytes)
        return frameStream(
          opened,
          index,
          { first, last, skipBytes: startBytes - layout.plainStart(startBytes) },
          tools,
        )
      },
      framesOfWhole: stored => {
        const opened = openedStream(without(stored, layout.storedRange(0, 0).startBytes), layout, 0)
        return frameStream(opened, index, { first: 0, last: index.count - 1, skipBytes: 0 }, tools)
      },
    }
  } catch (error) {
    throw inPack(key, error)
  }
}

/** A table that was changed must not lead outside of buffers, or leave bytes out. */
function checkIndex(index: FrameIndex, plainBytes: number): void {
  if (index.storedBytes !== plainBytes) throw corruptPack('the seek table does not name what is stored')
  for (let i = 0; i < index.count; i++) {
    const { storedBytes, rawBytes } = index.frame(i)
    if (storedBytes > compressedFrameSizeBytesMax || rawBytes > limits.frameSizeBytesMax || rawBytes === 0) {
      throw corruptPack(`the seek table names an impossible size for frame ${String(i)}`)
    }
  }
}

/** Puts the pack's name in front of what is damaged in it. */
export function inPack(name: string, error: unknown): unknown {
  if (!isFault(error, 'OBJECT_CORRUPT', 'KEY_WRONG', 'KEY_MISSING') || error.message.includes(name))
    return error
  return new Fault(error.code, `${name}: ${error.message}`, { hint: error.hint, cause: error })
}

/** Enough for the header of an object sealed to a few recipients; else it is read again, with more. */
const headerSizeBytesUsual = 4 * KiB
const headerSizeBytesMax = 256 * KiB
/** So much of the compressed stream's end holds most seek tables; a longer one is read again, whole. */
const tableSizeBytesUsual = 64 * KiB
/** The chunks that this lies in. */
const tailSizeBytes = 2 * storedChunkSizeBytes

/** The last bytes of the object as stored. */
interface Tail {
  readonly startBytes: number
  readonly bytes: Uint8Array
}

async function readEnds(
  source: PackSource,
  signal: AbortSignal,
): Promise<{ readonly start: Uint8Array; readonly tail: Tail }> {
  const { sizeBytes } = source
  const startBytes = Math.max(0, sizeBytes - tailSizeBytes)
  if (startBytes <= headerSizeBytesUsual) {
    const whole = await readRange(source, 0, sizeBytes, signal)
    return { start: whole, tail: { startBytes: 0, bytes: whole } }
  }
  const [start, bytes] = await Promise.all([
    readRange(source, 0, headerSizeBytesUsual, signal),
    readRange(source, startBytes, sizeBytes, signal),
  ])
  return {
    start: isHeaderWhole(start)
      ? start
      : await readRange(source, 0, Math.min(headerSizeBytesMax, sizeBytes), signal),
    tail: { startBytes, bytes },
  }
}

async function readSeekTable(
  source: PackSource,
  layout: StoredLayout,
  tail: Tail,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const end = await readPlain(
    source,
    layout,
    Math.max(0, layout.plainBytes - tableSizeBytesUsual),
    tail,
    signal,
  )
  const tableBytes = seekTableSizeFromEnd(end)
  if (tableBytes > layout.plainBytes) throw corruptPack('the seek table is longer than the pack')
  if (tableBytes <= end.length) return end.subarray(end.length - tableBytes)
  return readPlain(source, layout, layout.plainBytes - tableBytes, tail, signal)
}

/** The compressed stream from `startBytes` to its end. */
async function readPlain(
  source: PackSource,
  layout: StoredLayout,
  startBytes: number,
  tail: Tail,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const range = layout.storedRange(startBytes, layout.plainBytes)
  const stored =
    range.startBytes >= tail.startBytes
      ? once(tail.bytes.subarray(range.startBytes - tail.startBytes))
      : source.storage.get(source.key, range, signal)
  const parts: Uint8Array[] = []
  for await (const piece of openedStream(stored, layout, startBytes)) {
    if (piece.damage) throw piece.damage
    parts.push(Uint8Array.from(piece.bytes))
  }
  return Buffer.concat(parts).subarray(startBytes - layout.plainStart(startBytes))
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes
}

async function readRange(
  { storage, key }: PackSource,
  startBytes: number,
  endBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const piece of storage.get(key, { startBytes, endBytes }, signal))
    parts.push(Uint8Array.from(piece))
  return Buffer.concat(parts)
}

/** The stream behind its first bytes. */
async function* without(
  stream: AsyncIterable<Uint8Array>,
  count: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let skip = count
  for await (const piece of stream) {
    if (skip < piece.length) yield piece.subarray(skip)
    skip = Math.max(0, skip - piece.length)
  }
}
