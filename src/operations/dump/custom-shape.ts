/** One pg_dump, one stream, one object: its bytes are stored as they come, and looked at as they pass by. */
import { suffixOf } from '../../pipeline/codec.ts'
import { encodingOf, isLargeObjects, type Archive } from '../../postgres/dump-archive/archive.ts'
import { ArchiveParser, type DataBlock } from '../../postgres/dump-archive/archive-parser.ts'
import { dumpArguments } from '../../postgres/dump/dump-arguments.ts'
import type { DumpedData } from '../../repository/format/dump-contents.ts'
import { customDumpName } from '../../repository/layout.ts'
import { howToDump, nameOf, startPgDump, type DatabaseRun, type DumpedParts } from './database-run.ts'
import { assertSnapshotIsGood } from './good-snapshot.ts'
import { openSealedObject } from './sealed-object.ts'

export async function dumpCustom(run: DatabaseRun, signal: AbortSignal): Promise<DumpedParts> {
  const { number, place, progress, selection, session } = run
  const name = customDumpName(number, suffixOf(place.encoding))
  const object = await openSealedObject(place, name, signal)
  try {
    const { data, contents, parser } = watch(run, name)
    await using output = startPgDump(run, dumpArguments(selection, howToDump(run)), signal)
    let isLocked = false
    for await (const bytes of output.bytes) {
      parser.push(bytes)
      if (!isLocked && contents()) {
        isLocked = true
        await assertSnapshotIsGood(session, signal)
      }
      await object.write(bytes)
      progress.advance(bytes.length)
    }
    parser.end()
    const stored = await object.commit()
    return {
      shape: 'custom',
      rawBytes: stored.rawBytes,
      objects: [stored],
      data,
      files: [],
      warnings: output.warnings(),
    }
  } catch (error) {
    await object.abort()
    throw error
  }
}

function watch(
  { progress, clock }: DatabaseRun,
  object: string,
): {
  readonly data: readonly DumpedData[]
  /** Once they have come, pg_dump holds its locks. */
  readonly contents: () => Archive | undefined
  readonly parser: ArchiveParser
} {
  const data: DumpedData[] = []
  let archive: Archive | undefined
  let encoding = 'UTF8'
  let begunMs = 0
  const parser = new ArchiveParser({
    toc(read) {
      archive = read
      encoding = encodingOf(read.entries)
    },
    blockBegin(entry) {
      begunMs = clock.monotonicMs()
      const { schema, table } = nameOf(entry, encoding)
      progress.detail?.(isLargeObjects(entry) ? 'large objects' : `${schema ?? ''}.${table ?? ''}`)
    },
    blockEnd(block) {
      const { offsetBytes, lengthBytes } = block
      const durationMs = Math.round(clock.monotonicMs() - begunMs)
      data.push({ ...dataOf(block, encoding), object, offsetBytes, lengthBytes, durationMs })
    },
  })
  return { data, contents: () => archive, parser }
}

export function dataOf(
  { entry, rows, largeObjects, dataBytes }: Omit<DataBlock, 'offsetBytes' | 'lengthBytes'>,
  encoding: string,
): Pick<DumpedData, 'dumpId' | 'schema' | 'table' | 'rows' | 'rawBytes'> {
  return isLargeObjects(entry)
    ? { dumpId: entry.dumpId, schema: null, table: null, rows: largeObjects, rawBytes: dataBytes }
    : { dumpId: entry.dumpId, ...nameOf(entry, encoding), rows, rawBytes: dataBytes }
}
