/** Reads the table of contents of a dumped database, in either shape. */
import { limits } from '../../base/limits.ts'
import { invalidArchive, type Archive } from '../../postgres/dump-archive/archive.ts'
import { ArchiveParser, parseContents } from '../../postgres/dump-archive/archive-parser.ts'
import { toCustom } from '../../postgres/dump-archive/convert.ts'
import type { DumpContents } from '../../repository/format/dump-contents.ts'
import type { DumpedDatabase } from '../../repository/format/dump-record.ts'
import type { DumpReader } from './dump-reader.ts'
import { fileNamed, readFile } from './task-archive.ts'

/** As a custom one, whichever it was. */
export async function readArchive(
  reader: DumpReader,
  { shape, objects }: DumpedDatabase,
  contents: DumpContents,
  signal: AbortSignal,
): Promise<Archive> {
  if (shape === 'directory') {
    const files = new Map(contents.files.map(file => [file.name, file]))
    return toCustom(parseContents(await readFile(reader, fileNamed(files, 'toc.dat'), signal)))
  }
  const [object] = objects
  let archive: Archive | undefined
  const parser = new ArchiveParser({ toc: found => (archive = found) })
  const all = { startBytes: 0, endBytes: object?.rawBytes ?? 0 }
  for await (const { bytes } of reader.ranges(object?.name ?? '', [all], signal)) {
    parser.push(bytes)
    if (archive) return archive
  }
  parser.end()
  throw invalidArchive(`it has more than ${String(limits.dumpTocSizeBytesMax)} bytes of contents`)
}
