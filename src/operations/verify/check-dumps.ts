/**
 * Reads dumps back: each object's size, hash, seal and frames; archives are walked through to their ends, and each table
 * must have as many rows as were counted when it was dumped. Without a key, hashes alone are compared; of what lies in a cold storage
 * class, sizes.
 */
import { createHash } from 'node:crypto'
import { Fault, isFault, messageOf } from '../../base/fault.ts'
import { ArchiveParser, parseContents } from '../../postgres/dump-archive/archive-parser.ts'
import { ChunkWalker, copyEndLines } from '../../postgres/dump-archive/chunk-walker.ts'
import { objectsOfDump } from '../../repository/dump-catalog.ts'
import type { DumpContents } from '../../repository/format/dump-contents.ts'
import type { DumpRecord, DumpedDatabase } from '../../repository/format/dump-record.ts'
import { readContents } from '../dump/contents.ts'
import { fileNameOf, filesOfPack, isPackName, readObject, type NamedObject } from '../dump/read-object.ts'
import { folderOfDump, type PlacedDump } from '../sources/dumps.ts'
import { coldUnder } from '../thaw/find-cold.ts'
import { wrongSizes } from './check-cold.ts'
import type { Finding, VerifiedDump } from './report.ts'

export interface CheckedDump {
  readonly dump: VerifiedDump
  readonly findings: readonly Finding[]
}

export async function checkDump(
  copy: PlacedDump,
  advance: (bytes: number) => void,
  signal: AbortSignal,
): Promise<CheckedDump> {
  const { record } = copy
  const isCold = (await coldUnder(copy.source.repository.storage, folderOfDump(copy), signal)).some(
    ({ state }) => state.is !== 'readable',
  )
  const isClosed = copy.source.identities.length === 0 && record.recipients.length > 0
  const findings: Finding[] = []
  const attempt = async (object: NamedObject, work: () => Promise<void>): Promise<void> => {
    try {
      await work()
    } catch (error) {
      signal.throwIfAborted()
      if (!isFault(error, 'OBJECT_CORRUPT', 'OBJECT_MISSING', 'DUMP_INVALID')) throw error
      findings.push(findingOf(copy, object, messageOf(error)))
    }
    advance(object.sizeBytes)
  }
  if (isCold) findings.push(...(await sizesThatDiffer(copy, signal)))
  else if (isClosed)
    for (const object of objectsOfDump(record)) await attempt(object, () => checkHash(copy, object, signal))
  else {
    await attempt(record.globals, () => readToEnd(copy, record.globals, signal))
    for (const database of record.databases) {
      let contents: DumpContents | undefined
      await attempt(database.contents, async () => {
        await readToEnd(copy, database.contents, signal)
        contents = await contentsOf(copy, database, signal)
      })
      for (const object of database.objects)
        await attempt(object, async () => {
          const counted = await (database.shape === 'custom' ? countCustom : countFiles)(copy, object, signal)
          if (contents) findings.push(...differences(copy, object, contents, counted))
        })
    }
  }
  return {
    findings,
    dump: {
      id: record.id,
      isRestorable: findings.length === 0,
      depth: isCold ? 'sizes' : isClosed ? 'hashes' : 'content',
      databases: record.databases.length,
      tables: record.sizes.tables,
      rows: record.sizes.rows,
      bytes: record.sizes.storedBytes,
    },
  }
}

/** Of what can not be read at once. */
async function sizesThatDiffer(copy: PlacedDump, signal: AbortSignal): Promise<readonly Finding[]> {
  const objects = objectsOfDump(copy.record)
  const wrong = await wrongSizes(copy.source.repository, folderOfDump(copy), objects, signal)
  return wrong.map(({ name, message }) => findingOf(copy, { name }, message))
}

/** Rows by dump id. */
type Counted = ReadonlyMap<number, number>

async function countCustom(copy: PlacedDump, object: NamedObject, signal: AbortSignal): Promise<Counted> {
  const counted = new Map<number, number>()
  const parser = new ArchiveParser({
    blockEnd: ({ entry, rows, largeObjects }) => counted.set(entry.dumpId, rows + largeObjects),
  })
  for await (const bytes of readObject(copy, object, signal)) parser.push(bytes)
  parser.end()
  return counted
}

async function countFiles(copy: PlacedDump, object: NamedObject, signal: AbortSignal): Promise<Counted> {
  const counted = new Map<number, number>()
  const raw = readObject(copy, object, signal)
  if (!isPackName(object.name)) await countFile(fileNameOf(object.name), raw, counted)
  else
    for await (const { name, bytes } of filesOfPack(raw, object.name)) await countFile(name, bytes, counted)
  return counted
}

async function countFile(
  name: string,
  bytes: AsyncIterable<Uint8Array>,
  counted: Map<number, number>,
): Promise<void> {
  const walker = new ChunkWalker()
  const toc: Uint8Array[] = []
  let lines = 0
  for await (const piece of bytes) {
    lines += walker.count(piece)
    if (name === 'toc.dat') toc.push(Uint8Array.from(piece))
  }
  if (name === 'toc.dat') parseContents(Buffer.concat(toc))
  const dumpId = /^(\d+)\.dat$/.exec(name)?.[1]
  if (dumpId !== undefined) counted.set(Number(dumpId), lines - copyEndLines)
}

function differences(
  copy: PlacedDump,
  object: NamedObject,
  { data }: DumpContents,
  counted: Counted,
): readonly Finding[] {
  return data
    .filter(entry => entry.object === object.name && (entry.table !== null || counted.has(entry.dumpId)))
    .filter(({ dumpId, rows }) => counted.get(dumpId) !== rows)
    .map(({ dumpId, schema, table, rows }) =>
      findingOf(
        copy,
        object,
        `${schema ?? ''}.${table ?? ''} has ${String(counted.get(dumpId) ?? 'no')} rows, and had ${String(rows)} when it was dumped`,
      ),
    )
}

async function readToEnd(copy: PlacedDump, object: NamedObject, signal: AbortSignal): Promise<void> {
  const stream = readObject(copy, object, signal)
  for (let next = await stream.next(); next.done !== true;) next = await stream.next()
}

function contentsOf(
  copy: PlacedDump,
  { contents }: DumpedDatabase,
  signal: AbortSignal,
): Promise<DumpContents> {
  const { repository, identities } = copy.source
  return readContents(
    { storage: repository.storage, key: `${folderOfDump(copy)}${contents.name}`, identities },
    signal,
  )
}

async function checkHash(copy: PlacedDump, object: NamedObject, signal: AbortSignal): Promise<void> {
  const key = `${folderOfDump(copy)}${object.name}`
  const digest = createHash('sha256')
  for await (const piece of copy.source.repository.storage.get(key, undefined, signal)) digest.update(piece)
  if (digest.digest('hex') !== object.sha256) throw otherBytes(key)
}

const otherBytes = (key: string): Fault =>
  new Fault('OBJECT_CORRUPT', `${key} is damaged: its SHA-256 is not the one in dump.json`, {
    hint: 'Use another copy of this dump, or another dump.',
  })

function findingOf(copy: PlacedDump, { name }: Pick<NamedObject, 'name'>, message: string): Finding {
  const { record } = copy
  return {
    object: `${folderOfDump(copy)}${name}`,
    backup: record.id,
    message,
    cost: costOf(record, name),
  }
}

function costOf(record: DumpRecord, name: string): string {
  if (name === record.globals.name) return `The globals of ${record.id} can not be restored.`
  const database = record.databases.find(
    ({ objects, contents }) => contents.name === name || objects.some(object => object.name === name),
  )
  return database?.contents.name === name
    ? `Row counts and single tables of ${database.name} are not told; the whole database can be restored.`
    : `The database ${database?.name ?? ''} can not be restored whole from ${record.id}.`
}
