/** Encodes and decodes `dump.json`; the fields are explained in dump-record.ts. */
import type { DumpRecord, DumpedDatabase } from './dump-record.ts'
import {
  array,
  checked,
  count,
  encodeRecord,
  flag,
  literal,
  object,
  optional,
  parseRecord,
  text,
  textLike,
  type Parser,
} from './parse.ts'
import { clusterName, dumpId, lsn, repositoryId, sha256, systemIdentifier, time, timeline } from './values.ts'

const version = object({ versionNumber: count(90_000, 999_999), version: text })

const stored = (name: Parser<string>) => object({ name, sizeBytes: count(), sha256 })

const globals = object({
  name: textLike(/^globals\.sql\.zst(\.age)?$/, 'the name of the globals'),
  sizeBytes: count(),
  sha256,
  rawBytes: count(),
})

/** The dump of a database, a pack of its directory's files, or one of these files. */
const partPattern = /^parts\/\d{5}(\.dump|\/data\/\d{5}\.tar|\/[a-z0-9_]{1,40}\.(dat|toc))\.zst(\.age)?$/

const part = object({
  name: textLike(partPattern, "a part's name"),
  sizeBytes: count(),
  sha256,
  rawBytes: count(),
})

/** The fields of each database. */
export const databaseFields = {
  number: count(1, 99_999),
  name: text,
  oid: count(1, 0xffff_ffff),
  owner: text,
  encoding: text,
  shape: literal('custom', 'directory'),
  snapshotLsn: lsn,
  snapshotAt: time,
  tables: count(),
  rows: count(),
  largeObjects: count(),
  rawBytes: count(),
  objects: array(part),
  contents: stored(textLike(/^parts\/\d{5}\.json\.zst(\.age)?$/, 'the name of the contents')),
  durationMs: count(),
}

const database: Parser<DumpedDatabase> = checked(
  object(databaseFields),
  ({ number, shape, objects, contents }, fail) => {
    const folder = `parts/${String(number).padStart(5, '0')}`
    if (!contents.name.startsWith(`${folder}.`)) fail('contents.name', 'the name of this database')
    if (objects.some(({ name }) => !name.startsWith(shape === 'custom' ? `${folder}.dump.` : `${folder}/`)))
      fail('objects', `a list of objects of this database in the shape ${shape}`)
    if (shape === 'custom' && objects.length !== 1) fail('objects', 'one object')
  },
)

export const dumpFields = {
  format: literal(1),
  id: dumpId,
  kind: literal('dump'),
  cluster: clusterName,
  label: text,
  systemIdentifier,
  postgres: version,
  pgDump: version,
  host: text,
  fromStandby: flag,
  startedAt: time,
  endedAt: time,
  timeline,
  lsn,
  selection: object({ databases: literal('all', 'named'), contents: literal('all', 'part') }),
  sizes: object({
    databases: count(),
    tables: count(),
    rows: count(),
    rawBytes: count(),
    storedBytes: count(),
  }),
  globals,
  databases: array(database),
  compression: object({ algorithm: literal('zstd'), level: count(1, 22) }),
  recipients: array(text),
  warnings: array(text),
  durationMs: count(),
  tool: text,
  copiedFrom: optional(object({ repository: repositoryId, sha256 })),
}

const fields: Parser<DumpRecord> = object(dumpFields)
const dumpRecord: Parser<DumpRecord> = checked(fields, ({ databases, sizes }, fail) => {
  const different = (values: readonly (string | number)[]): boolean => new Set(values).size === values.length
  if (!different(databases.map(({ name }) => name))) fail('databases', 'a list of different databases')
  if (!different(databases.map(({ number }) => number))) fail('databases', 'a list of different numbers')
  if (!different(databases.flatMap(({ objects }) => objects.map(({ name }) => name))))
    fail('databases', 'a list of different objects')
  if (sizes.databases !== databases.length) fail('sizes.databases', 'the number of databases')
})

export function encodeDumpRecord(record: DumpRecord): Uint8Array {
  return encodeRecord(record, dumpRecord)
}

/** `what` names the object in messages. */
export function parseDumpRecord(bytes: Uint8Array, what: string): DumpRecord {
  return parseRecord(bytes, what, dumpRecord)
}
