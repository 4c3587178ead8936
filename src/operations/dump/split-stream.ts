/** Takes the data out of one pg_dump's stream, and makes it the files of a directory. */
import { Fault } from '../../base/fault.ts'
import {
  encodingOf,
  isLargeObjects,
  type Archive,
  type TocEntry,
} from '../../postgres/dump-archive/archive.ts'
import { ArchiveParser, type DataBlock } from '../../postgres/dump-archive/archive-parser.ts'
import { dataFileName, largeObjectFileName } from '../../postgres/dump-archive/convert.ts'
import type { ClientOutput } from '../../postgres/dump/client-output.ts'
import type { DumpedData, DumpedFile } from '../../repository/format/dump-contents.ts'
import { dataOf } from './custom-shape.ts'
import { nameOf, type DatabaseRun } from './database-run.ts'
import type { DirectoryFiles, FileSink } from './directory-files.ts'

export interface Split {
  /** Whose dump ids count. */
  readonly archive: Archive
  readonly data: DumpedData[]
  readonly files: DumpedFile[]
  /** Entries whose data has not come yet, by their dump ids. */
  readonly awaited: Map<number, TocEntry>
}

/** What a piece of the stream brought. Files are written one after another, which the parser does not wait for. */
type Step =
  | { readonly kind: 'begin'; readonly entry: TocEntry }
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  | { readonly kind: 'object'; readonly oid: number }
  | { readonly kind: 'object-end'; readonly oid: number }
  | { readonly kind: 'end'; readonly block: DataBlock }

export async function splitStream(
  run: DatabaseRun,
  split: Split,
  files: DirectoryFiles,
  output: ClientOutput,
  whenLocked: () => void,
): Promise<void> {
  let steps: Step[] = []
  let own: ReadonlyMap<number, TocEntry> = new Map()
  const parser = new ArchiveParser({
    toc({ entries }) {
      own = matchEntries(entries, split.archive.entries)
      // pg_dump writes its contents when it holds its locks.
      whenLocked()
    },
    blockBegin: entry => steps.push({ kind: 'begin', entry }),
    data: piece => steps.push({ kind: 'data', bytes: Uint8Array.from(piece) }),
    largeObjectBegin: oid => steps.push({ kind: 'object', oid }),
    largeObjectEnd: oid => steps.push({ kind: 'object-end', oid }),
    blockEnd: block => steps.push({ kind: 'end', block }),
  })
  const writer = new BlockWriter(run, split, files, entry => {
    const found = own.get(entry.dumpId)
    if (found) return found
    throw unknown(entry)
  })
  for await (const bytes of output.bytes) {
    parser.push(bytes)
    for (const step of steps) await writer.take(step)
    steps = []
    run.progress.advance(bytes.length)
  }
  parser.end()
}

/** By the dump id here, the entry there: tables by their oids, large objects by their order. */
function matchEntries(here: readonly TocEntry[], there: readonly TocEntry[]): ReadonlyMap<number, TocEntry> {
  const tables = new Map(there.filter(({ hasData }) => hasData).map(entry => [entry.oid, entry]))
  const objects = there.filter(isLargeObjects).values()
  const matched = new Map<number, TocEntry>()
  for (const entry of here) {
    if (!entry.hasData) continue
    const found = isLargeObjects(entry) ? objects.next().value : tables.get(entry.oid)
    if (found) matched.set(entry.dumpId, found)
  }
  return matched
}

class BlockWriter {
  readonly #run: DatabaseRun
  readonly #split: Split
  readonly #files: DirectoryFiles
  readonly #entryThere: (entry: TocEntry) => TocEntry
  readonly #encoding: string
  #entry: TocEntry | undefined
  #sink: FileSink | undefined
  #list = ''
  #begunMs = 0

  constructor(
    run: DatabaseRun,
    split: Split,
    files: DirectoryFiles,
    entryThere: (entry: TocEntry) => TocEntry,
  ) {
    this.#run = run
    this.#split = split
    this.#files = files
    this.#entryThere = entryThere
    this.#encoding = encodingOf(split.archive.entries)
  }

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'begin':
        this.#begin(step.entry)
        return
      case 'data':
        return this.#sink?.write(step.bytes)
      case 'object':
        this.#sink = this.#files.begin(largeObjectFileName(step.oid))
        return
      case 'object-end':
        return this.#endObject(step.oid)
      case 'end':
        return this.#end(step.block)
    }
  }

  #begin(entry: TocEntry): void {
    const there = this.#entryThere(entry)
    this.#entry = there
    this.#begunMs = this.#run.clock.monotonicMs()
    this.#list = ''
    const { schema, table } = nameOf(entry, this.#encoding)
    this.#run.progress.detail?.(isLargeObjects(entry) ? 'large objects' : `${schema ?? ''}.${table ?? ''}`)
    if (!isLargeObjects(entry)) this.#sink = this.#files.begin(this.#fileOf(there))
  }

  async #endObject(oid: number): Promise<void> {
    const name = largeObjectFileName(oid)
    const place = await this.#sink?.end()
    this.#sink = undefined
    if (place) this.#split.files.push({ name, ...place })
    this.#list += `${String(oid)} ${name}\n`
  }

  async #end(block: DataBlock): Promise<void> {
    const entry = this.#entry
    if (!entry) throw new Error('assertion failed: a block that ends has begun')
    const isObjects = isLargeObjects(entry)
    const sink = isObjects ? this.#files.begin(this.#fileOf(entry)) : this.#sink
    if (!sink) throw new Error('assertion failed: a table has a file')
    if (isObjects) await sink.write(Buffer.from(this.#list))
    const { object, offsetBytes, sizeBytes } = await sink.end()
    this.#sink = undefined
    if (isObjects) this.#split.files.push({ name: this.#fileOf(entry), object, offsetBytes, sizeBytes })
    const durationMs = Math.round(this.#run.clock.monotonicMs() - this.#begunMs)
    const told = dataOf({ ...block, entry }, this.#encoding)
    this.#split.data.push({ ...told, object, offsetBytes, lengthBytes: sizeBytes, durationMs })
    this.#split.awaited.delete(entry.dumpId)
  }

  #fileOf(entry: TocEntry): string {
    return dataFileName(entry, this.#split.archive.header)
  }
}

const unknown = (entry: TocEntry): Fault =>
  new Fault(
    'DUMP_FAILED',
    `pg_dump gave rows of ${entry.schema ?? ''}.${entry.tag ?? ''}, which the table of contents does not name`,
    { hint: 'A table was made or replaced while the dump began. Run it again.' },
  )
