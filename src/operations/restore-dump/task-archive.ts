/** The archive that pg_restore is fed for a task: header, TOC, and the data as it lies in the repository. */
import { limits } from '../../base/limits.ts'
import {
  blockKinds,
  invalidArchive,
  type Archive,
  type TocEntry,
} from '../../postgres/dump-archive/archive.ts'
import { largeObjectsBlock, type LargeObject } from '../../postgres/dump-archive/blocks.ts'
import { largeObjectsFileName, miniArchive } from '../../postgres/dump-archive/convert.ts'
import { encodeArchive } from '../../postgres/dump-archive/toc.ts'
import { encodeInteger } from '../../postgres/dump-archive/values.ts'
import type { DumpContents, DumpedFile } from '../../repository/format/dump-contents.ts'
import type { DataTask } from './data-tasks.ts'
import type { DumpReader } from './dump-reader.ts'

export interface TaskSource {
  readonly archive: Archive
  readonly contents: DumpContents
  readonly shape: 'custom' | 'directory'
  readonly reader: DumpReader
  /** So many bytes of the data were read. */
  readonly advance: (bytes: number) => void
}

export async function* taskArchive(
  { archive, shape, reader, advance }: TaskSource,
  { object, blocks }: DataTask,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield encodeArchive(
    miniArchive(
      archive,
      blocks.map(({ entry }) => entry),
    ),
  )
  const pieces = reader.ranges(
    object,
    blocks.map(({ range }) => range),
    signal,
  )
  let open = -1
  for await (const { range, bytes } of pieces) {
    if (shape === 'directory') {
      // The files hold rows only: what stands around them in an archive is added.
      if (range !== open) yield beginOf(blocks[range]?.entry, open >= 0)
      open = range
      yield encodeInteger(bytes.length)
    }
    yield bytes
    advance(bytes.length)
  }
  if (shape === 'directory') yield encodeInteger(0)
}

function beginOf(entry: TocEntry | undefined, endsAnother: boolean): Buffer {
  return Buffer.concat([
    endsAnother ? encodeInteger(0) : Buffer.alloc(0),
    Buffer.of(blockKinds.data),
    encodeInteger(entry?.dumpId ?? 0),
  ])
}

/** Large objects of a directory: a list of them, and a file for each. */
export async function* largeObjectsArchive(
  source: TaskSource,
  entry: TocEntry,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { archive, contents, reader } = source
  const files = new Map(contents.files.map(file => [file.name, file]))
  const list = fileNamed(files, largeObjectsFileName(entry, archive.header))
  const lines: Buffer[] = []
  for await (const piece of rangeOf(reader, list, signal)) lines.push(Buffer.from(piece))
  yield encodeArchive(miniArchive(archive, [entry]))
  yield* largeObjectsBlock(entry, objects())

  function* objects(): Iterable<LargeObject> {
    const listed = Buffer.concat(lines)
      .toString()
      .split('\n')
      .filter(line => line !== '')
      .map(line => {
        const [, oid = '', name = ''] = /^(\d+) (\S+)$/.exec(line) ?? []
        return { oid: Number(oid), file: fileNamed(files, name) }
      })
    // In the order in which they lie, so that what is read once need not be read again.
    const inOrder = listed.toSorted(
      (a, b) => a.file.object.localeCompare(b.file.object) || a.file.offsetBytes - b.file.offsetBytes,
    )
    for (const { oid, file } of inOrder) yield { oid, file: counted(rangeOf(reader, file, signal)) }
  }

  async function* counted(pieces: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    for await (const piece of pieces) {
      yield piece
      source.advance(piece.length)
    }
  }
}

/** The bytes of one file of a directory. */
export async function* rangeOf(
  reader: DumpReader,
  { object, offsetBytes, sizeBytes }: DumpedFile,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const range = { startBytes: offsetBytes, endBytes: offsetBytes + sizeBytes }
  for await (const { bytes } of reader.ranges(object, [range], signal)) yield bytes
}

export function fileNamed(files: ReadonlyMap<string, DumpedFile>, name: string): DumpedFile {
  const file = files.get(name)
  if (!file) throw invalidArchive(`its directory has no file "${name}"`)
  return file
}

/** `toc.dat` of a directory, whole. */
export async function readFile(reader: DumpReader, file: DumpedFile, signal: AbortSignal): Promise<Buffer> {
  if (file.sizeBytes > limits.dumpTocSizeBytesMax)
    throw invalidArchive('its table of contents is impossibly large')
  const pieces: Buffer[] = []
  for await (const piece of rangeOf(reader, file, signal)) pieces.push(Buffer.from(piece))
  return Buffer.concat(pieces)
}
