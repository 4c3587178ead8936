/** Reads the objects of a dump: raw bytes, and the files in packs; size and hash of what is stored are compared on the way. */
import { createHash } from 'node:crypto'
import { Fault } from '../../base/fault.ts'
import { ByteQueue } from '../../pipeline/byte-queue.ts'
import { decodeStream } from '../../pipeline/codec.ts'
import { decodeTarHeader, tarPaddingBytes } from '../../pipeline/tar.ts'
import { inPack } from '../../repository/packs/pack-reader.ts'
import { folderOfDump, type PlacedDump } from '../sources/dumps.ts'

export interface NamedObject {
  readonly name: string
  readonly sizeBytes: number
  readonly sha256: string
}

/** Pieces are valid until the next one is asked for. OBJECT_CORRUPT, at the latest at the end, when it is not what was written. */
export async function* readObject(
  copy: PlacedDump,
  object: NamedObject,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { repository, identities } = copy.source
  const key = `${folderOfDump(copy)}${object.name}`
  const digest = createHash('sha256')
  let sizeBytes = 0
  const stored = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const piece of repository.storage.get(key, undefined, signal)) {
      digest.update(piece)
      sizeBytes += piece.length
      yield piece
    }
  }
  try {
    yield* decodeStream(stored(), identities)
  } catch (error) {
    throw inPack(key, error)
  }
  if (sizeBytes !== object.sizeBytes)
    throw corrupt(key, `it has ${String(sizeBytes)} bytes instead of ${String(object.sizeBytes)}`)
  if (digest.digest('hex') !== object.sha256) throw corrupt(key, 'its SHA-256 is not the one in dump.json')
}

export interface PackedFile {
  readonly name: string
  readonly sizeBytes: number
  /** To be read to its end before the next file is asked for. */
  readonly bytes: AsyncIterable<Uint8Array>
}

const pieceSizeBytes = 256 * 1024
const blockSizeBytes = 512

/** The files of a pack, one after another. */
export async function* filesOfPack(
  raw: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<PackedFile, void, undefined> {
  const queue = new ByteQueue(raw)
  for (;;) {
    const block = await queue.take(blockSizeBytes)
    const header = block.length === blockSizeBytes ? decodeTarHeader(block) : undefined
    if (header?.kind === 'end') break
    if (header?.kind !== 'file' || !/^[A-Za-z0-9_][A-Za-z0-9_.]*$/.test(header.path))
      throw corrupt(name, 'what should be the beginning of a file is none')
    let left = header.sizeBytes
    const bytes = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
      while (left > 0) {
        const piece = await queue.take(Math.min(left, pieceSizeBytes))
        if (piece.length === 0) throw corrupt(name, 'it is cut off')
        left -= piece.length
        yield piece
      }
    }
    yield { name: header.path, sizeBytes: header.sizeBytes, bytes: bytes() }
    await queue.take(tarPaddingBytes(header.sizeBytes))
  }
  // To the end, where size, hash and seal are compared.
  for (let rest = await queue.take(pieceSizeBytes); rest.length > 0;) rest = await queue.take(pieceSizeBytes)
}

export const isPackName = (name: string): boolean => /\/data\/\d{5}\.tar\./.test(name)

/** Of an object that holds one file of the directory shape. */
export const fileNameOf = (name: string): string =>
  name
    .split('/')
    .at(-1)
    ?.replace(/\.zst(\.age)?$/, '') ?? ''

const corrupt = (key: string, why: string): Fault =>
  new Fault('OBJECT_CORRUPT', `${key} is damaged: ${why}`, {
    hint: 'Run `holdfast verify` to see what else is damaged, and use another copy of this dump, or another dump.',
  })
