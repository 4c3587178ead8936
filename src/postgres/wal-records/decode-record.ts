/**
 * The parts of a whole record: the blocks that it changes, with the images and data that belong to them, and its main data.
 *
 * See XLogRecordBlockHeader in src/include/access/xlogrecord.h and DecodeXLogRecord in xlogreader.c. PostgreSQL 15 counts
 * the bits of an image otherwise than 14; the rest is the same from 14 to 18.
 */
import { recordHeaderSizeBytes } from './record.ts'

/** Where the pages of a relation lie: numbers of its tablespace, its database (0: shared by all), and its file. */
export interface RelationLocator {
  readonly tablespace: number
  readonly database: number
  readonly relation: number
}

export interface PageImage {
  readonly bytes: Uint8Array
  readonly holeOffset: number
  readonly holeBytes: number
  readonly compression: 'none' | 'pglz' | 'lz4' | 'zstd'
}

export interface BlockReference extends RelationLocator {
  /** 0 is the main fork. */
  readonly fork: number
  readonly block: number
  /** The whole page, which replay takes for what was there. */
  readonly image: PageImage | undefined
  readonly data: Uint8Array
}

export interface DecodedRecord {
  readonly blocks: readonly BlockReference[]
  readonly main: Uint8Array
}

const hasImage = 0x10
const sameRelation = 0x80
const blockNumberMax = 32

interface Header extends RelationLocator {
  readonly fork: number
  readonly block: number
  readonly dataBytes: number
  readonly image:
    (Omit<PageImage, 'bytes'> & { readonly sizeBytes: number; readonly isApplied: boolean }) | undefined
}

/** Undefined when the bytes are no record of this shape. */
export function decodeRecord(record: Uint8Array, postgresMajor: number): DecodedRecord | undefined {
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength)
  try {
    const { headers, mainBytes, at } = readHeaders(view, postgresMajor)
    let offset = at
    const take = (sizeBytes: number): Uint8Array => {
      const part = record.subarray(offset, offset + sizeBytes)
      offset += sizeBytes
      return part
    }
    const blocks = headers.map(({ image, dataBytes, ...where }) => {
      const bytes = image && take(image.sizeBytes)
      return {
        ...where,
        image: image?.isApplied && bytes ? { ...image, bytes } : undefined,
        data: take(dataBytes),
      }
    })
    const main = take(mainBytes)
    return offset === record.length ? { blocks, main } : undefined
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

function readHeaders(
  view: DataView,
  postgresMajor: number,
): { headers: readonly Header[]; mainBytes: number; at: number } {
  const headers: Header[] = []
  let bodyBytes = 0
  let at = recordHeaderSizeBytes
  while (at + bodyBytes < view.byteLength) {
    const id = view.getUint8(at)
    if (id === 255) return { headers, mainBytes: view.getUint8(at + 1), at: at + 2 }
    if (id === 254) return { headers, mainBytes: view.getUint32(at + 1, true), at: at + 5 }
    if (id === 253) at += 3
    else if (id === 252) at += 5
    else if (id > blockNumberMax) throw new RangeError('no header of a block')
    else {
      const read = readBlockHeader(view, at, headers.at(-1), postgresMajor)
      headers.push(read.header)
      bodyBytes += read.header.dataBytes + (read.header.image?.sizeBytes ?? 0)
      at = read.end
    }
  }
  return { headers, mainBytes: 0, at }
}

function readBlockHeader(
  view: DataView,
  start: number,
  before: Header | undefined,
  postgresMajor: number,
): { header: Header; end: number } {
  const flags = view.getUint8(start + 1)
  const dataBytes = view.getUint16(start + 2, true)
  let at = start + 4
  let image: Header['image']
  if (flags & hasImage) {
    const [sizeBytes, holeOffset, bits] = [
      view.getUint16(at, true),
      view.getUint16(at + 2, true),
      view.getUint8(at + 4),
    ]
    const kind = imageKind(bits, postgresMajor)
    at += 5
    let holeBytes = kind.hasHole ? -sizeBytes : 0
    if (kind.compression !== 'none' && kind.hasHole) {
      holeBytes = view.getUint16(at, true)
      at += 2
    }
    image = { sizeBytes, holeOffset, holeBytes, compression: kind.compression, isApplied: kind.isApplied }
  }
  let where: RelationLocator | undefined = before
  if ((flags & sameRelation) === 0) {
    where = locatorAt(view, at)
    at += 12
  }
  if (!where) throw new RangeError('the first block names no relation')
  const { tablespace, database, relation } = where
  const block = view.getUint32(at, true)
  return {
    header: { tablespace, database, relation, fork: flags & 0x0f, block, dataBytes, image },
    end: at + 4,
  }
}

export function locatorAt(view: DataView, at: number): RelationLocator {
  return {
    tablespace: view.getUint32(at, true),
    database: view.getUint32(at + 4, true),
    relation: view.getUint32(at + 8, true),
  }
}

function imageKind(
  bits: number,
  postgresMajor: number,
): { hasHole: boolean; isApplied: boolean; compression: PageImage['compression'] } {
  const hasHole = (bits & 0x01) !== 0
  if (postgresMajor < 15)
    return { hasHole, isApplied: (bits & 0x04) !== 0, compression: bits & 0x02 ? 'pglz' : 'none' }
  const compression = bits & 0x04 ? 'pglz' : bits & 0x08 ? 'lz4' : bits & 0x10 ? 'zstd' : 'none'
  return { hasHole, isApplied: (bits & 0x02) !== 0, compression }
}
