/** The reader and writer of dump archives, judged by pg_dump and pg_restore of several versions. */
import { execFile, spawn } from 'node:child_process'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isLargeObjects, sections, textOf, type Archive } from '../src/postgres/dump-archive/archive.ts'
import { ArchiveParser, parseContents, type DataBlock } from '../src/postgres/dump-archive/archive-parser.ts'
import { dataBlock, largeObjectsBlock } from '../src/postgres/dump-archive/blocks.ts'
import {
  dataFileName,
  largeObjectFileName,
  miniArchive,
  toCustom,
  toDirectory,
} from '../src/postgres/dump-archive/convert.ts'
import { encodeArchive } from '../src/postgres/dump-archive/toc.ts'
import { clientDirectory, type ClientMajor } from './support/postgres-clients.ts'
import type { Major } from './support/postgres-binaries.ts'
import { startServer, makeOwned, type TestServer } from './support/postgres-server.ts'

const run = promisify(execFile)

const schema = `
  CREATE TABLE plain (id int PRIMARY KEY, t text);
  INSERT INTO plain SELECT i, 'row ' || i || E'\\t\\\\ \\\\. \\n\\\\.\\n' FROM generate_series(1, 1000) i;
  CREATE TABLE "no columns" ();
  INSERT INTO "no columns" SELECT FROM generate_series(1, 5);
  CREATE TABLE "odd ""name"", ünï\nnl" (a text, b bytea);
  INSERT INTO "odd ""name"", ünï\nnl" VALUES (E'\\\\.', ''), ('', '\\x00ff0a'), (NULL, NULL), (repeat('x', 300000), '\\x5c');
  CREATE TABLE nothing (a int);
  CREATE TABLE parts (a int, b text) PARTITION BY LIST (a);
  CREATE TABLE part_1 PARTITION OF parts FOR VALUES IN (1);
  CREATE TABLE part_2 PARTITION OF parts FOR VALUES IN (2);
  INSERT INTO parts VALUES (1, 'a'), (2, 'b'), (2, 'c');
  CREATE SEQUENCE numbers;
  CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM plain;
  SELECT lo_create(5000), lo_from_bytea(6000, decode(repeat('abcd', 50000), 'hex')), lo_from_bytea(4000000000, 'hi');`

const rows = new Map([
  ['plain', 1000],
  ['no columns', 5],
  ['odd "name", ünï\nnl', 4],
  ['nothing', 0],
  ['part_1', 1],
  ['part_2', 2],
])

describe.each<[Major, ClientMajor, number]>([
  [14, 15, 14],
  [15, 15, 14],
  [17, 17, 16],
  [18, 18, 16],
])('PostgreSQL %i, dumped by %i', (major, clientMajor, minor) => {
  let server: TestServer
  let bin: string
  let custom: Buffer
  let directory: string
  let archive: Archive
  let contentsBytes: number
  const blocks: DataBlock[] = []

  beforeAll(async () => {
    server = await startServer({ major })
    bin = clientDirectory(clientMajor)
    await server.query(schema)
    const dump = await run(join(bin, 'pg_dump'), [...place('postgres'), '-Fc', '-Z0'], {
      encoding: 'buffer',
      maxBuffer: 1 << 30,
    })
    custom = dump.stdout
    directory = join(server.root, 'dump')
    await run(join(bin, 'pg_dump'), [...place('postgres'), '-Fd', '-Z0', '-f', directory])
    const parser = new ArchiveParser({
      toc: (read, endBytes) => {
        archive = read
        contentsBytes = endBytes
      },
      blockEnd: block => blocks.push(block),
    })
    for (let at = 0; at < custom.length; at += 10_007) parser.push(custom.subarray(at, at + 10_007))
    parser.end()
  })
  afterAll(() => server.remove())

  const place = (database: string): string[] => [
    '-h',
    server.socketDirectory,
    '-p',
    String(server.port),
    '-U',
    'postgres',
    '-d',
    database,
  ]

  test('reads the header, the table of contents, and where the data of each table lies', () => {
    expect(archive.header).toMatchObject({ minor, format: 'custom', compression: 0, database: 'postgres' })
    const tables = blocks.filter(({ entry }) => !isLargeObjects(entry))
    expect(new Map(tables.map(block => [textOf(block.entry.tag ?? '', 'UTF8'), block.rows]))).toEqual(rows)
    for (const { entry, dataBytes } of tables)
      expect(dataBytes).toBe(readFileSync(join(directory, `${String(entry.dumpId)}.dat`)).length)
    expect(
      blocks.filter(({ entry }) => isLargeObjects(entry)).map(({ largeObjects }) => largeObjects),
    ).toEqual([3])
    expect(blocks.reduce((end, block) => Math.max(end, block.offsetBytes + block.lengthBytes), 0)).toBe(
      custom.length,
    )
  })

  test('writes the same bytes, and turns one format into the other as pg_dump does', () => {
    expect(encodeArchive(archive)).toEqual(custom.subarray(0, contentsBytes))
    const contents = readFileSync(join(directory, 'toc.dat'))
    const theirs = parseContents(contents)
    expect(encodeArchive(theirs)).toEqual(contents)
    // The two were made at two times.
    const { createdAt } = theirs.header
    const ours = toDirectory(archive)
    expect(encodeArchive({ ...ours, header: { ...ours.header, createdAt } })).toEqual(contents)
    const back = toCustom(theirs)
    expect(
      encodeArchive({ ...back, header: { ...back.header, createdAt: archive.header.createdAt } }),
    ).toEqual(custom.subarray(0, contentsBytes))
  })

  test('takes the data of tables and large objects out as pg_dump writes it into files', () => {
    const files = new Map<string, Buffer[]>()
    let name = ''
    const parser = new ArchiveParser({
      blockBegin: entry => (name = `${String(entry.dumpId)}.dat`),
      largeObjectBegin: oid => files.set((name = largeObjectFileName(oid)), []),
      data: piece => {
        const pieces = files.get(name) ?? []
        files.set(name, pieces)
        pieces.push(Buffer.from(piece))
      },
    })
    for (let at = 0; at < custom.length; at += 70_001) parser.push(custom.subarray(at, at + 70_001))
    parser.end()
    const theirs = readdirSync(directory).filter(file => file.endsWith('.dat') && file !== 'toc.dat')
    expect([...files.keys()].sort()).toEqual(theirs.sort())
    for (const [file, pieces] of files)
      expect(Buffer.concat(pieces).equals(readFileSync(join(directory, file))), file).toBe(true)
  })

  test('pg_restore takes some tables of an archive from a pipe', async () => {
    await restoreContents('a_few')
    const wanted = blocks.filter(({ entry }) => entry.tag !== 'plain' && !isLargeObjects(entry))
    const small = miniArchive(
      archive,
      wanted.map(({ entry }) => entry),
    )
    await restore('a_few', [
      encodeArchive(small),
      ...wanted.map(({ offsetBytes, lengthBytes }) =>
        custom.subarray(offsetBytes, offsetBytes + lengthBytes),
      ),
    ])
    for (const [name, count] of rows)
      expect(await countOf('a_few', name), name).toBe(name === 'plain' ? 0 : count)
  })

  test('pg_restore takes an archive that was made from the files of a directory', async () => {
    await restoreContents('files')
    const all = toCustom(parseContents(readFileSync(join(directory, 'toc.dat'))))
    const withData = all.entries.filter(({ hasData }) => hasData)
    // From PostgreSQL 17 on large objects are made in the part of the data, too.
    const inData = all.entries.filter(({ section }) => section === sections.data)
    const small = miniArchive(all, inData)
    async function* pieces(): AsyncIterable<Uint8Array> {
      yield encodeArchive(small)
      for (const entry of withData) {
        const file = readFileSync(join(directory, dataFileName(entry, all.header)))
        if (!isLargeObjects(entry)) yield* dataBlock(entry, [file.subarray(0, 100), file.subarray(100)])
        else
          yield* largeObjectsBlock(
            entry,
            file
              .toString()
              .trimEnd()
              .split('\n')
              .map(line => line.split(' '))
              .map(([oid = '', name = '']) => ({
                oid: Number(oid),
                file: [readFileSync(join(directory, name))],
              })),
          )
      }
    }
    await restore('files', pieces())
    for (const [name, count] of rows) expect(await countOf('files', name), name).toBe(count)
    const client = await server.connect('files')
    const objects = await client.query<{ sum: string }>(
      `SELECT string_agg(oid || ' ' || length(lo_get(oid)), ', ' ORDER BY oid) AS sum FROM pg_largeobject_metadata`,
    )
    await client.end()
    expect(objects.rows[0]?.sum).toBe('5000 0, 6000 100000, 4000000000 2')
  })

  /** A database with all tables, and nothing in them. */
  async function restoreContents(database: string): Promise<void> {
    await server.query(`CREATE DATABASE ${database}`)
    const folder = join(server.root, `toc-${database}`)
    makeOwned(folder)
    writeFileSync(join(folder, 'toc.dat'), encodeArchive(toDirectory(archive)))
    await run(join(bin, 'pg_restore'), [...place(database), '-e', '--section=pre-data', folder])
  }

  async function restore(
    database: string,
    pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const child = spawn(join(bin, 'pg_restore'), [...place(database), '-e', '-Fc'])
    const ended = new Promise<number | null>(resolve => child.once('exit', resolve))
    let said = ''
    child.stderr.on('data', (text: Buffer) => (said += text.toString()))
    await pipeline(Readable.from(pieces), child.stdin).catch(() => undefined)
    expect(await ended, said).toBe(0)
  }

  async function countOf(database: string, name: string): Promise<number> {
    const client = await server.connect(database)
    try {
      const { rows: found } = await client.query<{ n: string }>(
        `SELECT count(*) AS n FROM "${name.replaceAll('"', '""')}"`,
      )
      return Number(found[0]?.n)
    } finally {
      await client.end()
    }
  }
})
