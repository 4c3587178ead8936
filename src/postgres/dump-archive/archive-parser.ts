/**
 * Reads an archive in the custom format as it passes by, in pieces of any size. Of what it has read it holds the TOC, and
 * nothing else that grows.
 */
import { assert } from '../../base/assert.ts'
import { limits } from '../../base/limits.ts'
import {
  blockKinds,
  integerBytes,
  invalidArchive,
  type Archive,
  type ArchiveHeader,
  type TocEntry,
} from './archive.ts'
import { ChunkWalker, copyEndLines } from './chunk-walker.ts'
import { readHeader } from './header.ts'
import { readEntry, readEntryCount } from './toc.ts'
import { MoreWanted, ValueReader } from './values.ts'

/** A block of data: the rows of a table, or many large objects. Offsets and lengths are those of the raw stream. */
export interface DataBlock {
  readonly entry: TocEntry
  readonly offsetBytes: number
  readonly lengthBytes: number
  /** Without the headers of block and chunks: what a directory archive has in the file. */
  readonly dataBytes: number
  /** Of a table. */
  readonly rows: number
  readonly largeObjects: number
}

export interface ArchiveEvents {
  header?(header: ArchiveHeader): void
  /** All of the TOC has been read; data begins at `endBytes`. */
  toc?(archive: Archive, endBytes: number): void
  blockBegin?(entry: TocEntry, offsetBytes: number): void
  /** Pieces of the data of the block, or of the large object, that is being read. Valid only until this returns. */
  data?(piece: Uint8Array): void
  largeObjectBegin?(oid: number): void
  largeObjectEnd?(oid: number): void
  blockEnd?(block: DataBlock): void
}

type State = 'header' | 'toc' | 'block' | 'rows' | 'oid' | 'object'

interface OpenBlock {
  readonly entry: TocEntry
  readonly offsetBytes: number
  dataBytes: number
  largeObjects: number
  oid: number
}

export class ArchiveParser {
  readonly #events: ArchiveEvents
  readonly #walker = new ChunkWalker()
  #state: State = 'header'
  /** Bytes of something small that is not complete, and of the TOC. */
  #held: Buffer = Buffer.alloc(0)
  #heldBytes = 0
  #offsetBytes = 0
  #header: ArchiveHeader | undefined
  #entriesLeft = -1
  readonly #entries: TocEntry[] = []
  #awaited = new Map<number, TocEntry>()
  #block: OpenBlock | undefined

  constructor(events: ArchiveEvents) {
    this.#events = events
  }

  /** Takes the next piece of the archive. */
  push(piece: Uint8Array): void {
    let rest = Buffer.from(piece.buffer, piece.byteOffset, piece.length)
    while (rest.length > 0) rest = rest.subarray(this.#step(rest))
  }

  /** Throws unless the archive is complete. */
  end(): void {
    if (this.#state !== 'block' || this.#heldBytes > 0) {
      const where = this.#block ? ` within the data of ${nameOf(this.#block.entry)}` : ''
      throw invalidArchive(`it ends after ${String(this.#offsetBytes)} bytes${where}`)
    }
    for (const entry of this.#awaited.values())
      throw invalidArchive(
        `it ends before the data of ${nameOf(entry)}, and ${String(this.#awaited.size)} such blocks are missing`,
      )
  }

  /** Takes a part of `bytes`, at least one of them. Says how many. */
  #step(bytes: Buffer): number {
    switch (this.#state) {
      case 'header':
      case 'toc':
        return this.#readContents(bytes)
      case 'block':
        return this.#readSmall(bytes, 1 + integerBytes, reader => {
          this.#beginBlock(reader.byte(), reader.integer())
        })
      case 'oid':
        return this.#readSmall(bytes, integerBytes, reader => {
          // As pg_dump writes an oid: as an integer, which is negative for large ones.
          this.#beginObject(reader.integer() >>> 0)
        })
      case 'rows':
      case 'object':
        return this.#walk(bytes)
    }
  }

  /** Header and TOC: as much as is complete. */
  #readContents(bytes: Buffer): number {
    this.#hold(bytes)
    const held = this.#held.subarray(0, this.#heldBytes)
    const reader = new ValueReader(held)
    let done = 0
    try {
      while (this.#state !== 'block') {
        this.#readNext(reader)
        done = reader.at
      }
    } catch (error) {
      if (!(error instanceof MoreWanted)) throw error
      held.copyWithin(0, done)
      this.#heldBytes -= done
      this.#offsetBytes += done
      if (this.#offsetBytes + this.#heldBytes > limits.dumpTocSizeBytesMax)
        throw invalidArchive('its table of contents is impossibly large')
      return bytes.length
    }
    const taken = bytes.length - (held.length - done)
    this.#held = Buffer.alloc(0)
    this.#heldBytes = 0
    this.#offsetBytes += done
    assert(this.#header !== undefined, 'a table of contents comes after the header')
    this.#events.toc?.({ header: this.#header, entries: this.#entries }, this.#offsetBytes)
    return taken
  }

  #readNext(reader: ValueReader): void {
    if (!this.#header) {
      this.#header = checked(readHeader(reader))
      this.#events.header?.(this.#header)
      this.#state = 'toc'
    } else if (this.#entriesLeft < 0) {
      this.#entriesLeft = readEntryCount(reader)
    } else if (this.#entriesLeft === 0) {
      this.#awaited = new Map(this.#entries.filter(hasBlock).map(entry => [entry.dumpId, entry]))
      this.#state = 'block'
    } else {
      this.#entries.push(readEntry(reader, this.#header))
      this.#entriesLeft--
    }
  }

  #hold(bytes: Buffer): void {
    const length = this.#heldBytes + bytes.length
    if (length > this.#held.length) {
      // Twice as large, so that a long TOC in small pieces is not copied over and over.
      const larger = Buffer.alloc(Math.max(length, 2 * this.#held.length))
      this.#held.copy(larger, 0, 0, this.#heldBytes)
      this.#held = larger
    }
    bytes.copy(this.#held, this.#heldBytes)
    this.#heldBytes = length
  }

  #readSmall(bytes: Buffer, wantedBytes: number, read: (reader: ValueReader) => void): number {
    const taken = Math.min(bytes.length, wantedBytes - this.#heldBytes)
    this.#hold(bytes.subarray(0, taken))
    this.#offsetBytes += taken
    if (this.#heldBytes < wantedBytes) return taken
    this.#heldBytes = 0
    read(new ValueReader(this.#held))
    return taken
  }

  #beginBlock(kind: number, dumpId: number): void {
    const entry = this.#awaited.get(dumpId)
    if (!entry) throw invalidArchive(`a block of data names the unknown entry ${String(dumpId)}`)
    this.#awaited.delete(dumpId)
    if (kind !== blockKinds.data && kind !== blockKinds.largeObjects)
      throw invalidArchive(`the data of ${nameOf(entry)} is of the unknown kind ${String(kind)}`)
    const offsetBytes = this.#offsetBytes - 1 - integerBytes
    this.#block = { entry, offsetBytes, dataBytes: 0, largeObjects: 0, oid: 0 }
    this.#walker.begin()
    this.#state = kind === blockKinds.data ? 'rows' : 'oid'
    this.#events.blockBegin?.(entry, offsetBytes)
  }

  #beginObject(oid: number): void {
    const block = this.#openBlock()
    if (oid === 0) {
      this.#endBlock(block.dataBytes, 0)
      return
    }
    block.oid = oid
    block.largeObjects++
    this.#walker.begin()
    this.#state = 'object'
    this.#events.largeObjectBegin?.(oid)
  }

  #walk(bytes: Buffer): number {
    const take = this.#events.data && ((piece: Uint8Array): void => this.#events.data?.(piece))
    const { taken, ended } = this.#walker.walk(bytes, take)
    this.#offsetBytes += taken
    if (!ended) return taken
    const block = this.#openBlock()
    if (this.#state === 'object') {
      block.dataBytes += this.#walker.dataBytes
      this.#state = 'oid'
      this.#events.largeObjectEnd?.(block.oid)
      return taken
    }
    const isCopy = block.entry.copyStatement !== undefined && block.entry.copyStatement !== ''
    if (isCopy && !this.#walker.endsAsCopy)
      throw invalidArchive(`the data of ${nameOf(block.entry)} does not end with the mark of its end`)
    this.#endBlock(this.#walker.dataBytes, isCopy ? this.#walker.lineFeeds - copyEndLines : 0)
    return taken
  }

  #openBlock(): OpenBlock {
    assert(this.#block !== undefined, 'data is read inside of a block')
    return this.#block
  }

  #endBlock(dataBytes: number, rows: number): void {
    const { entry, offsetBytes, largeObjects } = this.#openBlock()
    this.#block = undefined
    this.#state = 'block'
    const lengthBytes = this.#offsetBytes - offsetBytes
    this.#events.blockEnd?.({ entry, offsetBytes, lengthBytes, dataBytes, rows, largeObjects })
  }
}

const hasBlock = ({ place }: TocEntry): boolean => place.kind === 'offset' && place.state !== 'none'

const nameOf = ({ schema, tag, dumpId }: TocEntry): string =>
  `${schema === undefined || schema === '' ? '' : `${schema}.`}${tag ?? ''} (entry ${String(dumpId)})`

function checked(header: ArchiveHeader): ArchiveHeader {
  if (header.format !== 'custom') throw invalidArchive('it is in the directory format, not in the custom one')
  if (header.compression !== 0)
    throw invalidArchive('its data is compressed, which pg_dump --compress=0 would not have done')
  return header
}

/** The header and TOC that a directory has in `toc.dat`, or a custom archive at its beginning. */
export function parseContents(bytes: Buffer): Archive {
  const reader = new ValueReader(bytes)
  try {
    const header = readHeader(reader)
    const count = readEntryCount(reader)
    const entries = Array.from({ length: count }, () => readEntry(reader, header))
    if (header.format === 'directory' && reader.at !== bytes.length)
      throw invalidArchive('something follows its table of contents')
    return { header, entries }
  } catch (error) {
    if (error instanceof MoreWanted) throw invalidArchive('its table of contents ends early')
    throw error
  }
}
