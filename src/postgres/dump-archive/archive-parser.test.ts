import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chunksKernel, generateKernel } from '../../../scripts/build-kernel.ts'
import { isFault } from '../../base/fault.ts'
import { copyEnd, encodingOf, textOf, type Archive, type ArchiveHeader, type TocEntry } from './archive.ts'
import { ArchiveParser, parseContents, type ArchiveEvents, type DataBlock } from './archive-parser.ts'
import { dataBlock, largeObjectsBlock } from './blocks.ts'
import { ChunkWalker } from './chunk-walker.ts'
import { toCustom, toDirectory } from './convert.ts'
import { encodeArchive } from './toc.ts'

const byteText = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map(code => String.fromCharCode(code)) })
const text = fc.option(byteText, { nil: undefined })
const header = (minor: number): fc.Arbitrary<ArchiveHeader> =>
  fc.record({
    minor: fc.constant(minor),
    revision: fc.integer({ min: 0, max: 255 }),
    format: fc.constant('custom' as const),
    compression: fc.constant(0),
    createdAt: fc.array(fc.integer({ min: -1, max: 3000 }), { minLength: 7, maxLength: 7 }),
    database: text,
    serverVersion: text,
    dumpVersion: text,
  })
const entry = (dumpId: number, minor: number): fc.Arbitrary<TocEntry> =>
  fc
    .record({
      hasData: fc.boolean(),
      catalogOid: text,
      oid: text,
      tag: text,
      kind: fc.constantFrom('TABLE', 'TABLE DATA', 'BLOBS'),
      section: fc.integer({ min: 1, max: 4 }),
      definition: text,
      dropStatement: text,
      copyStatement: text,
      schema: text,
      tablespace: text,
      accessMethod: text,
      relationKind: minor >= 16 ? fc.integer({ min: 0, max: 127 }) : fc.constant(undefined),
      owner: text,
      withOids: text,
      dependencies: fc.array(fc.integer({ min: -5, max: 0x7fff_ffff }), { maxLength: 4 }),
    })
    .map(fields => ({
      ...fields,
      dumpId,
      place: { kind: 'offset', state: fields.hasData ? 'unknown' : 'none', offset: 0 },
    }))
const archives: fc.Arbitrary<Archive> = fc.integer({ min: 14, max: 16 }).chain(minor =>
  fc.record({
    header: header(minor),
    entries: fc
      .integer({ min: 0, max: 8 })
      .chain(count => fc.tuple(...Array.from({ length: count }, (_, i) => entry(i + 1, minor)))),
  }),
)

/** Rows of a table, or what large objects hold: in pieces that become chunks. */
const pieces = fc.array(
  fc
    .array(fc.oneof(fc.constant(10), fc.integer({ min: 0, max: 255 })), { maxLength: 60 })
    .map(bytes => Uint8Array.from(bytes)),
  { maxLength: 12 },
)

describe('archives', () => {
  test('contents become bytes and back, in both formats', () => {
    fc.assert(
      fc.property(archives, archive => {
        expect(parseContents(encodeArchive(archive))).toEqual(archive)
        const directory = toDirectory(archive)
        expect(parseContents(encodeArchive(directory))).toEqual(directory)
        expect(toCustom(directory)).toEqual(archive)
      }),
    )
  })

  test('data is found, counted and taken out, however the archive is cut into pieces', async () => {
    await fc.assert(
      fc.asyncProperty(
        archives,
        fc.array(pieces, { minLength: 1, maxLength: 4 }),
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 10 }),
        async (archive, contents, lengths) => {
          const made = await wholeArchive(archive, contents)
          const seen = read(made.bytes, lengths)
          expect(seen.archive).toEqual(archive)
          expect(seen.blocks).toEqual(made.blocks)
          expect(seen.data).toEqual(made.data)
        },
      ),
    )
  })

  test('one that is cut off is refused wherever that is', async () => {
    const { bytes } = await wholeArchive(sample, [[Buffer.from('1\tone\n'), Buffer.from('2\ttwo\n')]])
    for (let length = 0; length < bytes.length; length++)
      expect(() => read(bytes.subarray(0, length), [64])).toThrow(/ends|end with/)
  })

  test('a changed byte of what is not text is a fault, or changes nothing but values', async () => {
    const { bytes } = await wholeArchive(sample, [[Buffer.from('1\tone\n'), Buffer.from('2\ttwo\n')]])
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes)
      damaged[at] = (damaged[at] ?? 0) ^ 0x81
      try {
        read(damaged, [1000])
      } catch (error) {
        expect(isFault(error, 'DUMP_INVALID'), String(error)).toBe(true)
      }
    }
  })

  test.each<[string, (bytes: Buffer) => Buffer, RegExp]>([
    ['another file', () => Buffer.from('SELECT 1;\n'), /does not begin with PGDMP/],
    ['a newer version', bytes => withByte(bytes, 6, 17), /version 1\.17; 1\.14 to 1\.16 are known/],
    ['an older version', bytes => withByte(bytes, 6, 13), /version 1\.13/],
    ['integers of eight bytes', bytes => withByte(bytes, 8, 8), /integers have 8 bytes/],
    ['an unknown format', bytes => withByte(bytes, 10, 4), /format has the number 4/],
    ['a directory', bytes => withByte(bytes, 10, 3), /in the directory format/],
    ['compressed data', bytes => withByte(bytes, 11, 1), /is compressed/],
    ['something behind the end', bytes => Buffer.concat([bytes, Buffer.from('x')]), /ends after/],
    [
      'a block twice',
      bytes => Buffer.concat([bytes, bytes.subarray(bytes.lastIndexOf(Buffer.of(1, 0, 2)))]),
      /unknown entry 2/,
    ],
  ])('%s is refused', async (_, change, message) => {
    const { bytes } = await wholeArchive(sample, [[Buffer.from('1\tone\n')]])
    const work = (): unknown => read(change(bytes), [1000])
    expect(work).toThrow(message)
    expect(work).toThrow(expect.toSatisfy((error: unknown) => isFault(error, 'DUMP_INVALID')))
  })

  test('rows without the mark of their end are refused', async () => {
    const block = await bytesOf(dataBlock(sample.entries[1]!, [Buffer.from('1\tone\n\\.\n\n')]))
    expect(() => read(Buffer.concat([encodeArchive(sample), block]), [1000])).toThrow(
      /data of public\.orders \(entry 2\) does not end/,
    )
  })

  test('text is read in the encoding that the archive names', () => {
    const [encoding] = sample.entries
    expect(encodingOf(sample.entries)).toBe('UTF8')
    expect(encodingOf([])).toBe('SQL_ASCII')
    expect(textOf('\xc3\xbcn', encodingOf([encoding!]))).toBe('ün')
    expect(textOf('\xfcn', 'LATIN1')).toBe('ün')
    expect(textOf('\xfcn', 'UTF8')).toBe('\xfcn')
  })
})

test('line feeds are counted as a loop would', () => {
  const walker = new ChunkWalker()
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.integer({ min: 0, max: 300_000 }), (bytes, padding) => {
      const all = Buffer.concat([Buffer.alloc(padding, '\n'), bytes])
      expect(walker.count(all)).toBe(padding + bytes.filter(byte => byte === 10).length)
    }),
    { numRuns: 50 },
  )
})

test('the kernel is compiled from its source', async () => {
  expect(readFileSync(chunksKernel.generatedUrl, 'utf8')).toBe(await generateKernel(chunksKernel))
}, 60_000)

const none = {
  catalogOid: '0',
  oid: '0',
  dropStatement: '',
  copyStatement: '',
  schema: '',
  tablespace: '',
  accessMethod: '',
  relationKind: 0,
  owner: '',
  withOids: 'false',
  dependencies: [],
}
const sample: Archive = {
  header: {
    minor: 16,
    revision: 0,
    format: 'custom',
    compression: 0,
    createdAt: [1, 2, 3, 4, 5, 126, 0],
    database: 'shop',
    serverVersion: '18.4',
    dumpVersion: '18.0',
  },
  entries: [
    {
      ...none,
      dumpId: 1,
      hasData: false,
      tag: 'ENCODING',
      kind: 'ENCODING',
      section: 2,
      definition: "SET client_encoding = 'UTF8';\n",
      place: { kind: 'offset', state: 'none', offset: 0 },
    },
    {
      ...none,
      dumpId: 2,
      hasData: true,
      tag: 'orders',
      kind: 'TABLE DATA',
      section: 3,
      definition: '',
      copyStatement: 'COPY public.orders (id, what) FROM stdin;\n',
      schema: 'public',
      place: { kind: 'offset', state: 'unknown', offset: 0 },
    },
  ],
}

/** An archive with a block for every entry that has data, and what a reader should say of it. */
async function wholeArchive(
  archive: Archive,
  contents: readonly (readonly Uint8Array[])[],
): Promise<{ bytes: Buffer; blocks: DataBlock[]; data: Buffer }> {
  let bytes = encodeArchive(archive)
  const blocks: DataBlock[] = []
  const data: Uint8Array[] = []
  for (const [i, entry] of archive.entries.filter(({ hasData }) => hasData).entries()) {
    const own = contents[i % contents.length] ?? []
    const isCopy = entry.copyStatement !== undefined && entry.copyStatement !== ''
    const file = isCopy ? [...own, copyEnd] : own
    const objects = entry.kind === 'BLOBS'
    const block = await bytesOf(
      objects
        ? largeObjectsBlock(entry, [
            { oid: 5, file: own },
            { oid: 0xffff_fff0, file: [] },
          ])
        : dataBlock(entry, file),
    )
    const taken: readonly Uint8Array[] = objects ? own : file
    const dataBytes = taken.reduce((sum, piece) => sum + piece.length, 0)
    blocks.push({
      entry,
      offsetBytes: bytes.length,
      lengthBytes: block.length,
      dataBytes,
      rows: isCopy && !objects ? Buffer.concat(own).filter(byte => byte === 10).length : 0,
      largeObjects: objects ? 2 : 0,
    })
    data.push(...taken)
    bytes = Buffer.concat([bytes, block])
  }
  return { bytes, blocks, data: Buffer.concat(data) }
}

/** Reads in pieces of these lengths, again and again. */
function read(
  bytes: Buffer,
  lengths: readonly number[],
): { archive: Archive | undefined; blocks: DataBlock[]; data: Buffer } {
  let archive: Archive | undefined
  const blocks: DataBlock[] = []
  const data: Buffer[] = []
  const events: ArchiveEvents = {
    toc: found => (archive = found),
    data: piece => data.push(Buffer.from(piece)),
    blockEnd: block => blocks.push(block),
  }
  const parser = new ArchiveParser(events)
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const length = lengths[i % lengths.length] ?? 1
    parser.push(bytes.subarray(at, at + length))
    at += length
  }
  parser.end()
  return { archive, blocks, data: Buffer.concat(data) }
}

function withByte(bytes: Buffer, at: number, value: number): Buffer {
  const changed = Buffer.from(bytes)
  changed[at] = value
  return changed
}

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(stream))
}
