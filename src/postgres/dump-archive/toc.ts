/** The entries of a TOC, and the way back. */
import { assert } from '../../base/assert.ts'
import { limits } from '../../base/limits.ts'
import { invalidArchive, type Archive, type ArchiveHeader, type TocEntry } from './archive.ts'
import { writeHeader } from './header.ts'
import { ValueWriter, type ValueReader } from './values.ts'

/** From this version on an entry tells pg_class.relkind. */
const minorWithRelationKind = 16

export function readEntryCount(reader: ValueReader): number {
  const count = reader.integer()
  if (count < 0 || count > limits.dumpEntriesMax)
    throw invalidArchive(`its table of contents has ${String(count)} entries`)
  return count
}

export function readEntry(reader: ValueReader, header: ArchiveHeader): TocEntry {
  const text = (): string | undefined => reader.text(limits.dumpTextSizeBytesMax)
  const dumpId = reader.integer()
  if (dumpId <= 0) throw invalidArchive(`an entry has the dump id ${String(dumpId)}`)
  const hasData = reader.integer()
  if (hasData !== 0 && hasData !== 1) throw invalidArchive(`entry ${String(dumpId)} has odd flags`)
  return {
    dumpId,
    hasData: hasData === 1,
    catalogOid: text(),
    oid: text(),
    tag: text(),
    kind: text(),
    section: reader.integer(),
    definition: text(),
    dropStatement: text(),
    copyStatement: text(),
    schema: text(),
    tablespace: text(),
    accessMethod: text(),
    relationKind: header.minor >= minorWithRelationKind ? reader.integer() : undefined,
    owner: text(),
    withOids: text(),
    dependencies: readDependencies(reader),
    place:
      header.format === 'custom' ? { kind: 'offset', ...reader.offset() } : { kind: 'file', name: text() },
  }
}

function readDependencies(reader: ValueReader): number[] {
  const ids: number[] = []
  for (;;) {
    const text = reader.text(dependencyLengthMax)
    if (text === undefined) return ids
    if (!/^-?\d+$/.test(text)) throw invalidArchive('a dependency is not a number')
    ids.push(Number(text))
    if (ids.length > limits.dumpEntriesMax) throw invalidArchive('an entry has too many dependencies')
  }
}

/** The digits of a 32-bit number and a sign. */
const dependencyLengthMax = 11

function writeEntry(entry: TocEntry, header: ArchiveHeader, writer: ValueWriter): void {
  writer.integer(entry.dumpId)
  writer.integer(entry.hasData ? 1 : 0)
  for (const text of [entry.catalogOid, entry.oid, entry.tag, entry.kind]) writer.text(text)
  writer.integer(entry.section)
  for (const text of [entry.definition, entry.dropStatement, entry.copyStatement]) writer.text(text)
  for (const text of [entry.schema, entry.tablespace, entry.accessMethod]) writer.text(text)
  if (header.minor >= minorWithRelationKind) writer.integer(entry.relationKind ?? 0)
  for (const text of [entry.owner, entry.withOids]) writer.text(text)
  for (const id of entry.dependencies) writer.text(String(id))
  writer.text(undefined)
  assert(
    (entry.place.kind === 'offset') === (header.format === 'custom'),
    'places are those of the archive format',
  )
  if (entry.place.kind === 'offset') writer.offset(entry.place.state, entry.place.offset)
  else writer.text(entry.place.name)
}

/** Header and TOC: the beginning of a custom archive, or the whole of a directory's `toc.dat`. */
export function encodeArchive({ header, entries }: Archive): Buffer {
  const writer = new ValueWriter()
  writeHeader(header, writer)
  writer.integer(entries.length)
  for (const entry of entries) writeEntry(entry, header, writer)
  return writer.bytes
}
